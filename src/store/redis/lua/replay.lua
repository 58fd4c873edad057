-- Puts dead entries back, the first added first. ARGV: 'entry', 'queue' or 'all', its name, now, limit. Answers how many.
local which, name, now, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local function dead_of(queue)
  if which ~= 'entry' then
    local dead = call('ZRANGE', base .. 'dead:' .. queue, 0, -1)
    table.sort(dead)
    return dead
  end
  local seq = call('HGET', base .. 'ids:' .. queue, name)
  if seq and call('HGET', entry_key(seq), 'state') == 'dead' then
    return { seq }
  end
  return {}
end

local function revive(old, queue)
  local seq = next_number(now)
  local key = entry_key(seq)
  call('RENAME', entry_key(old), key)
  call('HDEL', key, 'settled')
  call('HSET', key, 'state', 'pending', 'due', now, 'attempts', 0)
  local of = call('HMGET', key, 'id', 'subject', 'lane', 'created')
  call('ZREM', base .. 'dead:' .. queue, old)
  call('HSET', base .. 'ids:' .. queue, of[1], seq)
  call('SREM', base .. 'of:' .. of[2], 'entry:' .. old)
  call('SADD', base .. 'of:' .. of[2], 'entry:' .. seq)
  append(seq, queue, of[3], now, of[4])
end

local revived = 0
for _, queue in ipairs(which == 'queue' and { name } or call('SMEMBERS', base .. 'queues')) do
  for _, seq in ipairs(dead_of(queue)) do
    if revived == limit then
      return revived
    end
    revive(seq, queue)
    revived = revived + 1
  end
end
return revived
