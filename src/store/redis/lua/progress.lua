-- How far shards were applied.
--
-- KEYS: for each shard its state, its log and its outbox. Answers for each its position, how many commits it has had, the id of
-- the last entry of its log ('' where there is none), so that the entry itself doesn't travel, the length of its outbox, and the
-- ids of the first and the last message in it.
local answers = {}
for i = 1, #KEYS, 3 do
  local state = redis.call('HMGET', KEYS[i], 'position', 'step')
  if not state[1] then
    return absent(KEYS[i])
  end
  local function id(command, key, from, to)
    local entry = redis.call(command, key, from, to, 'COUNT', 1)[1]
    return entry and entry[1] or ''
  end
  local outgoing = redis.call('XLEN', KEYS[i + 2])
  local answer = {state[1], state[2], id('XREVRANGE', KEYS[i + 1], '+', '-'), tostring(outgoing)}
  if outgoing > 0 then
    answer[5], answer[6] = id('XRANGE', KEYS[i + 2], '-', '+'), id('XREVRANGE', KEYS[i + 2], '+', '-')
  end
  answers[#answers + 1] = answer
end
return answers
