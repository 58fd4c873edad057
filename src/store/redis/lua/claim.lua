-- Claims due entries. ARGV: queue, now, end of the lease, limit.
-- Answers {when the next one falls due or '', {lease, {field, value, ..}}..}.
local due = base .. 'due:' .. ARGV[1]
local answer = { '' }
for _, seq in ipairs(call('ZRANGEBYSCORE', due, '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])) do
  local key, lease = entry_key(seq), next_number(ARGV[2])
  call('HSET', key, 'lease', lease)
  call('ZADD', due, ARGV[3], seq)
  answer[#answer + 1] = { lease, call('HGETALL', key) }
end
local head = call('ZRANGE', due, 0, 0, 'WITHSCORES')
if head[2] then
  answer[1] = head[2]
end
return answer
