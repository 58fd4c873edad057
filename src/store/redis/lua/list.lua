-- The newest entries of one state. ARGV: 'pending', 'dead' or 'done', the queue or '', the prefix of queues, limit.
-- Answers {score, number, ..}, by queue.
local base, call = KEYS[1], redis.call
local answer = {}
for _, queue in ipairs(ARGV[2] ~= '' and { ARGV[2] } or call('SMEMBERS', base .. 'queues')) do
  if string.sub(queue, 1, #ARGV[3]) == ARGV[3] then
    local found = call('ZREVRANGE', base .. ARGV[1] .. ':' .. queue, 0, ARGV[4] - 1, 'WITHSCORES')
    for k = 1, #found, 2 do
      answer[#answer + 1] = found[k + 1]
      answer[#answer + 1] = found[k]
    end
  end
end
return answer
