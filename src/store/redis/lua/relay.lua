-- Takes over messages that another shard has in its outbox, those that have not arrived before.
--
-- KEYS: state, log and received numbers of the shard that they are for.
-- ARGV: the shard that sends, the number of the first, and the messages, numbered one after the other.
--
-- Answers the number of the last that has arrived, or {'moving'}.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return absent(KEYS[1])
end
if not settled(KEYS[1]) then
  return MOVING
end
local received = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
local number = tonumber(ARGV[2])
for i = 3, #ARGV do
  if number > received then
    redis.call('XADD', KEYS[2], '0-*', 'p', ARGV[i])
    received = number
  end
  number = number + 1
end
redis.call('HSET', KEYS[3], ARGV[1], string.format('%.0f', received))
return string.format('%.0f', received)
