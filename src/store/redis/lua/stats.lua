-- Answers {queue, pending, dead, when the oldest pending one was created or '', ..}. Takes queues that hold nothing any more
-- off the list of queues.
local base, call = KEYS[1], redis.call
local answer = {}
for _, queue in ipairs(call('SMEMBERS', base .. 'queues')) do
  local pending, dead = call('ZCARD', base .. 'pending:' .. queue), call('ZCARD', base .. 'dead:' .. queue)
  if pending + dead > 0 then
    local oldest = call('ZRANGE', base .. 'pending:' .. queue, 0, 0, 'WITHSCORES')[2] or ''
    for _, figure in ipairs({ queue, pending, dead, oldest }) do
      answer[#answer + 1] = figure
    end
  elseif call('EXISTS', base .. 'done:' .. queue) == 0 then
    call('SREM', base .. 'queues', queue)
  end
end
return answer
