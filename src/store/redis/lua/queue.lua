-- What the scripts share. A key is the prefix of one partition, such as `hr:{p17}:`. The scripts build the names of the
-- partition's keys from it: all of them carry the same hash tag, so they live in the one slot that the call was routed to.
-- `base` is the partition at work; only `commit.lua` is ever given several, and never on a cluster.
local base = KEYS[1]
local call = redis.call

-- The partition's only counter: it numbers entries and leases. A new one starts at the time in milliseconds, so that numbers
-- do not come back after Redis was emptied, and has 13 digits, so that numbers sort as text.
local function next_number(now)
  local n = call('INCR', base .. 'seq')
  if n == 1 then
    n = math.max(tonumber(now), 1000000000000)
    call('SET', base .. 'seq', string.format('%.0f', n))
  end
  return string.format('%.0f', n)
end

local function entry_key(seq)
  return base .. 'entry:' .. seq
end

local function lane_key(queue, lane)
  return base .. 'lane:' .. queue .. '|' .. lane
end

-- Makes an entry pending, at the end of its lane if it has one. Only the head of a lane stands in `due`.
local function append(seq, queue, lane, due, created)
  call('ZADD', base .. 'pending:' .. queue, created, seq)
  if not lane or call('RPUSH', lane_key(queue, lane), seq) == 1 then
    call('ZADD', base .. 'due:' .. queue, due, seq)
  end
end

-- Takes an entry out of what is pending; the next of its lane becomes the head.
local function leave(seq, queue, lane)
  call('ZREM', base .. 'pending:' .. queue, seq)
  local was_head = call('ZREM', base .. 'due:' .. queue, seq) == 1
  if not lane then
    return
  end
  local line = lane_key(queue, lane)
  if not was_head then
    call('LREM', line, 1, seq)
    return
  end
  call('LPOP', line)
  local head = call('LINDEX', line, 0)
  if head then
    call('ZADD', base .. 'due:' .. queue, call('HGET', entry_key(head), 'due'), head)
  end
end

-- Deletes an entry that stands in no list any more.
local function erase(seq, subject)
  call('DEL', entry_key(seq))
  call('SREM', base .. 'of:' .. subject, 'entry:' .. seq)
end
