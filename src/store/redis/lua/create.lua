-- Creates the state of shards that have none.
--
-- KEYS: the state of each shard; on a cluster, in turns with its outbox. ARGV: on a cluster, the number with which outboxes
-- begin; it is taken from the clock, so that a shard that was lost and begins anew doesn't use numbers again that receivers
-- know.
--
-- Answers how many were created.
local created = 0
for i = 1, #KEYS, ARGV[1] and 2 or 1 do
  if redis.call('HSETNX', KEYS[i], 'position', 0) == 1 then
    redis.call('HSET', KEYS[i], 'commit', 'none', 'step', 0)
    if ARGV[1] then
      redis.call('DEL', KEYS[i + 1])
      redis.call('XADD', KEYS[i + 1], '0-' .. ARGV[1], 'begins', 'here')
      redis.call('XTRIM', KEYS[i + 1], 'MAXLEN', 0)
    end
    created = created + 1
  end
end
return created
