-- Has the messages of a shard numbered from a number on, unless they are beyond it.
--
-- KEYS: state and outbox of the shard. ARGV: the number, which is taken from the clock: beyond all that the shard has used, also those
-- that it has lost since, as by a failover to a replica that lacked the last of it. Receivers know those, and would take what is
-- numbered so for what they have.
--
-- Answers the number of the last one, or {'moving'}.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return absent(KEYS[1])
end
if not settled(KEYS[1]) then
  return MOVING
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('XADD', KEYS[2], '0-' .. ARGV[1], 'begins', 'here')
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
  return ARGV[1]
end
local about, last = redis.call('XINFO', 'STREAM', KEYS[2]), nil
for i = 1, #about, 2 do
  if about[i] == 'last-generated-id' then
    last = string.match(about[i + 1], '^0%-(%d+)$')
  end
end
if last and tonumber(last) >= tonumber(ARGV[1]) then
  return last
end
redis.call('XSETID', KEYS[2], '0-' .. ARGV[1])
return ARGV[1]
