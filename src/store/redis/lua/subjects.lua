-- Looks at some keys of the node that has a shard; answers which process this is, where to go on ('0': everything was seen), and
-- those of the keys that fit. A cursor means something only to the process that gave it.
--
-- KEYS: the shard's state. ARGV: the process that gave the cursor, the cursor, the pattern, about how many keys to look at.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local cursor = run == ARGV[1] and ARGV[2] or '0'
local found = redis.call('SCAN', cursor, 'MATCH', ARGV[3], 'COUNT', ARGV[4], 'TYPE', 'string')
return {run, found[1], found[2]}
