-- Says that a server lives; answers who lives, by the clock of Redis: names and settings in turns.
--
-- KEYS: the servers. ARGV: name, settings, for how many milliseconds that holds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
local all, live = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local at, settings = string.match(all[i + 1], '^(%d+) (.*)$')
  if at and tonumber(at) + tonumber(ARGV[3]) > now then
    live[#live + 1] = all[i]
    live[#live + 1] = settings
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return live
