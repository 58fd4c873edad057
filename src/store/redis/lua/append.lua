-- Appends to one log. A script has one key for Redis Cluster to route by, and all of it happens on one node.
--
-- KEYS: the log. ARGV: payloads. Answers their ids.
local ids = {}
for i = 1, #ARGV do
  ids[i] = redis.call('XADD', KEYS[1], '0-*', 'p', ARGV[i])
end
return ids
