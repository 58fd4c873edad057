-- How far shards were applied.
--
-- KEYS: for each shard its state, its log and its outbox. Answers for each its position, how many commits it has had, the id of
-- the last entry of its log ('' where there is none), so that the entry itself doesn't travel, and the length of its outbox.
local answers = {}
for i = 1, #KEYS, 3 do
  local state = redis.call('HMGET', KEYS[i], 'position', 'step')
  if not state[1] then
    return absent(KEYS[i])
  end
  local last = redis.call('XREVRANGE', KEYS[i + 1], '+', '-', 'COUNT', 1)[1]
  answers[#answers + 1] = {state[1], state[2], last and last[1] or '', tostring(redis.call('XLEN', KEYS[i + 2]))}
end
return answers
