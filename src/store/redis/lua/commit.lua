-- Commits steps of shards: all of them, or none.
--
-- KEYS: the state of each shard.
-- ARGV: the name of this commit; for each shard where it must stand, and how many commits it must have had ('' where that
-- doesn't matter); then commands, each packed in one argument as a MessagePack sequence: Redis takes in one
-- argument then, not thousands, and Lua builds no table of them.
--
-- Answers {'moved', place, ..} with the places (from 0) of shards that stand elsewhere; {'moving'} while a slot is moved to
-- another node; or what the last command answered.
local moved, repeated = {'moved'}, false
for i = 1, #KEYS do
  local state = redis.call('HMGET', KEYS[i], 'position', 'commit', 'step')
  if not state[1] then
    return absent(KEYS[i])
  end
  if state[2] == ARGV[1] then
    repeated = true
  elseif state[1] ~= ARGV[2 * i] or (ARGV[2 * i + 1] ~= '' and state[3] ~= ARGV[2 * i + 1]) then
    moved[#moved + 1] = i - 1
  end
end
-- A client that lost the answer may send the same commit again.
if repeated then
  return 'again'
end
if #moved > 1 then
  return moved
end
if not settled(KEYS[1]) then
  return MOVING
end

local special = {}

local function base_of(state)
  return string.sub(state, 1, -6)
end

local function unlist_lead(base, id)
  local lead = redis.call('HMGET', base .. 'lead:' .. id, 'subject', 'definition')
  if lead[1] then
    redis.call('ZREM', base .. 'leads-of:' .. lead[1], id)
    redis.call('ZREM', base .. 'leads-for:' .. lead[2], id)
  end
end

function special.lead(state, id, subject, definition, updated, json)
  local base = base_of(state)
  unlist_lead(base, id)
  redis.call('HSET', base .. 'lead:' .. id, 'subject', subject, 'definition', definition, 'updated', updated, 'json', json)
  redis.call('ZADD', base .. 'leads', updated, id)
  redis.call('ZADD', base .. 'leads-of:' .. subject, updated, id)
  redis.call('ZADD', base .. 'leads-for:' .. definition, updated, id)
end

function special.forget(state, subject)
  local base = base_of(state)
  for _, id in ipairs(redis.call('ZRANGE', base .. 'leads-of:' .. subject, 0, -1)) do
    unlist_lead(base, id)
    redis.call('ZREM', base .. 'leads', id)
    redis.call('UNLINK', base .. 'lead:' .. id)
  end
end

-- Cuts the log of rejected events, a list of JSON with the newest first, when it has grown by an eighth beyond its bound: of
-- each source its share stays, and whoever has the most gives way.
function special.keep(key, bound)
  bound = tonumber(bound)
  if redis.call('LLEN', key) <= bound + math.floor(bound / 8) then
    return
  end
  local lines, counts, sorted = redis.call('LRANGE', key, 0, -1), {}, {}
  local function source_of(line)
    return string.match(line, '^{"at":%-?%d+,"source":"(.-)","') or ''
  end
  for _, line in ipairs(lines) do
    local source = source_of(line)
    counts[source] = (counts[source] or 0) + 1
  end
  for _, count in pairs(counts) do
    sorted[#sorted + 1] = count
  end
  table.sort(sorted)
  local share, left = bound, bound
  for i, count in ipairs(sorted) do
    local each = math.floor(left / (#sorted - i + 1))
    if count > each then
      share = each
      break
    end
    left = left - count
  end
  local kept = {}
  redis.call('UNLINK', key)
  for _, line in ipairs(lines) do
    local source = source_of(line)
    kept[source] = (kept[source] or 0) + 1
    if kept[source] <= share then
      redis.call('RPUSH', key, line)
    end
  end
end

local function run(name, ...)
  local own = special[name]
  if own then
    return own(...)
  end
  return redis.call(name, ...)
end

local answer
for i = 2 * #KEYS + 2, #ARGV do
  answer = run(cmsgpack.unpack(ARGV[i]))
end
return answer
