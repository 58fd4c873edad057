-- Looks up remembered messages. ARGV: fence, oldest and newest generation, message ids..
-- Answers {position, note, ..}; positions count from 0. Takes few enough ids for one call.
local found = {}
for generation = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local notes = redis.call('HMGET', KEYS[1] .. 'seen:' .. string.format('%.0f', generation), unpack(ARGV, 4))
  for k = 1, #ARGV - 3 do
    if notes[k] then
      found[#found + 1] = k - 1
      found[#found + 1] = notes[k]
    end
  end
end
-- A write of this connection, for WAIT to wait for: what was found may not have reached the replicas yet.
if ARGV[1] == '1' and #found > 0 then
  redis.call('INCR', KEYS[1] .. 'fence')
end
return found
