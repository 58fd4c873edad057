-- Leases of shards: who should work on them.
--
-- KEYS: the owner of each shard. ARGV: the server that asks, for how many milliseconds a lease holds, and for each shard what
-- it wants: `take` it or keep it, if it is free or its own; or `drop` it, if it is its own.
--
-- Answers the owner of each shard from now on, '' where it is free.
local owners = {}
for i = 1, #KEYS do
  local owner, want = redis.call('GET', KEYS[i]) or '', ARGV[i + 2]
  if want == 'take' and (owner == '' or owner == ARGV[1]) then
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
    owner = ARGV[1]
  elseif want == 'drop' and owner == ARGV[1] then
    redis.call('DEL', KEYS[i])
    owner = ''
  end
  owners[i] = owner
end
return owners
