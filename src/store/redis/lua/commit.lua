-- Commits: one for each key, each of them one atomic step of a partition that happens or is refused by itself. Everything in a
-- commit is checked before anything of it is written.
--
-- ARGV: commit after commit. Each has: how many arguments it has besides this one, now, fence, oldest, newest and current
-- generation of remembered messages, their time to live in seconds, the numbers of messages, settles, writes, leads and
-- entries; then, in this order:
--   message  id, note
--   settle   queue, id, lease, outcome, due (done: how many to keep), attempts, error
--   write    record, expected version, idle milliseconds (0: leave, -1: never), counts of the next two,
--            fields to remove.., fields and values to set..
--   lead     id, subject, definition, updated, json
--   entry    queue, id, lane, subject, due, created, attempts, last error, payload (lane and error: '' or '=' and text)
--
-- Answers for each commit 0, or {'seen', position, note, ..}, {'lease', id}, {'conflict', position, ..}; positions count
-- from 0.
local now, fence, oldest, newest, current, keep
local messages, settles, writes, leads, entries
local messages_at, settles_at, writes_at
-- The generations besides the current one, as they are named in keys; the same for all commits of one moment.
local generations, generations_of

local function name_generations()
  local of = oldest .. ' ' .. newest .. ' ' .. current
  if generations_of == of then
    return
  end
  generations, generations_of = {}, of
  for generation = tonumber(oldest), tonumber(newest) do
    local name = string.format('%.0f', generation)
    if name ~= current then
      generations[#generations + 1] = 'seen:' .. name
    end
  end
end

-- Reads the head of the commit that begins at `at`; answers where the next one begins.
local function begin(at)
  now, fence, oldest, newest, current, keep = unpack(ARGV, at + 1, at + 6)
  messages, settles, writes = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8]), tonumber(ARGV[at + 9])
  leads, entries = tonumber(ARGV[at + 10]), tonumber(ARGV[at + 11])
  messages_at = at + 12
  settles_at = messages_at + 2 * messages
  writes_at = settles_at + 7 * settles
  name_generations()
  return at + 1 + tonumber(ARGV[at])
end

-- Lua's stack bounds how many values one call can take.
local CHUNK = 4000

local function hset(key, first, last)
  while first <= last do
    call('HSET', key, unpack(ARGV, first, math.min(first + CHUNK - 1, last)))
    first = first + CHUNK
  end
end

local function seen_in(key, ids, found)
  for first = 1, #ids, CHUNK do
    local last = math.min(first + CHUNK - 1, #ids)
    local notes = call('HMGET', key, unpack(ids, first, last))
    for k = 1, last - first + 1 do
      if notes[k] then
        found[#found + 1] = first + k - 2
        found[#found + 1] = notes[k]
      end
    end
  end
end

local function seen()
  local ids, found, others = {}, { 'seen' }, {}
  for k = 1, messages do
    ids[k] = ARGV[messages_at + 2 * k - 2]
  end
  -- Most are not there, or not yet: one question instead of many.
  for k = 1, #generations do
    others[k] = base .. generations[k]
  end
  if call('EXISTS', unpack(others)) > 0 then
    for _, key in ipairs(others) do
      seen_in(key, ids, found)
    end
  end
  seen_in(base .. 'seen:' .. current, ids, found)
  return found
end

-- The key of a claimed entry, or nothing when the lease is no longer held.
local function held(at)
  local seq = call('HGET', base .. 'ids:' .. ARGV[at], ARGV[at + 1])
  if seq and call('HGET', entry_key(seq), 'lease') == ARGV[at + 2] then
    return seq
  end
end

local function refusal()
  if messages > 0 then
    local found = seen()
    if #found > 1 then
      return found
    end
  end
  for at = settles_at, writes_at - 1, 7 do
    if not held(at) then
      return { 'lease', ARGV[at + 1] }
    end
  end
  local moved, at = { 'conflict' }, writes_at
  for k = 1, writes do
    if (call('HGET', base .. ARGV[at], '_v') or '0') ~= ARGV[at + 1] then
      moved[#moved + 1] = k - 1
    end
    at = at + 5 + ARGV[at + 3] + ARGV[at + 4]
  end
  if #moved > 1 then
    return moved
  end
end

local function write(at)
  local key, idle = base .. ARGV[at], ARGV[at + 2]
  local set_at = at + 5 + ARGV[at + 3]
  local next_at = set_at + ARGV[at + 4]
  for first = at + 5, set_at - 1, CHUNK do
    call('HDEL', key, unpack(ARGV, first, math.min(first + CHUNK, set_at) - 1))
  end
  hset(key, set_at, next_at - 1)
  if idle == '-1' then
    call('PERSIST', key)
  elseif idle ~= '0' then
    call('PEXPIRE', key, idle)
  end
  return next_at
end

local function put_lead(at)
  local id, subject, definition = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local key = base .. 'lead:' .. id
  local before = call('HMGET', key, 'definition', 'subject')
  if before[1] and before[1] ~= definition then
    call('ZREM', base .. 'leads:' .. before[1], id)
  end
  if before[2] and before[2] ~= subject then
    call('SREM', base .. 'of:' .. before[2], 'lead:' .. id)
  end
  call('HSET', key, 'subject', subject, 'definition', definition, 'updated', ARGV[at + 3], 'json', ARGV[at + 4])
  call('ZADD', base .. 'leads', ARGV[at + 3], id)
  call('ZADD', base .. 'leads:' .. definition, ARGV[at + 3], id)
  call('SADD', base .. 'of:' .. subject, 'lead:' .. id)
end

-- Keeps a finished entry in the history, once under its id, and no more of them than `keep`.
local function keep_done(seq, queue, id, keep)
  local history, ids = base .. 'done:' .. queue, base .. 'done-ids:' .. queue
  local function drop(old)
    call('ZREM', history, old)
    erase(old, call('HGET', entry_key(old), 'subject'))
  end
  local before = call('HGET', ids, id)
  if before then
    drop(before)
  end
  call('HSET', entry_key(seq), 'state', 'done', 'settled', now)
  call('HSET', ids, id, seq)
  call('ZADD', history, now, seq)
  if call('ZCARD', history) > keep then
    local oldest = call('ZRANGE', history, 0, 0)[1]
    call('HDEL', ids, call('HGET', entry_key(oldest), 'id'))
    drop(oldest)
  end
end

local function settle(at)
  local queue, id, outcome, due = ARGV[at], ARGV[at + 1], ARGV[at + 3], ARGV[at + 4]
  local seq = held(at)
  if not seq then
    return
  end
  local key = entry_key(seq)
  local of = call('HMGET', key, 'lane', 'subject')
  call('HDEL', key, 'lease')
  if outcome == 'retry' then
    call('HSET', key, 'due', due, 'attempts', ARGV[at + 5], 'last_error', ARGV[at + 6])
    call('ZADD', base .. 'due:' .. queue, due, seq)
    return
  end
  leave(seq, queue, of[1])
  if outcome == 'dead' then
    call('HSET', key, 'state', 'dead', 'settled', now, 'attempts', ARGV[at + 5], 'last_error', ARGV[at + 6])
    call('ZADD', base .. 'dead:' .. queue, now, seq)
    return
  end
  call('HDEL', base .. 'ids:' .. queue, id)
  if tonumber(due) > 0 then
    keep_done(seq, queue, id, tonumber(due))
  else
    erase(seq, of[2])
  end
end

local function enqueue(at)
  local queue, id, subject, due, created = ARGV[at], ARGV[at + 1], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if call('HEXISTS', base .. 'ids:' .. queue, id) == 1 then
    return
  end
  local seq, lane = next_number(now), nil
  local key = entry_key(seq)
  call('HSET', key, 'queue', queue, 'id', id, 'subject', subject, 'due', due, 'created', created, 'attempts',
    ARGV[at + 6], 'payload', ARGV[at + 8], 'state', 'pending')
  if ARGV[at + 2] ~= '' then
    lane = string.sub(ARGV[at + 2], 2)
    call('HSET', key, 'lane', lane)
  end
  if ARGV[at + 7] ~= '' then
    call('HSET', key, 'last_error', string.sub(ARGV[at + 7], 2))
  end
  call('SADD', base .. 'queues', queue)
  call('HSET', base .. 'ids:' .. queue, id, seq)
  call('SADD', base .. 'of:' .. subject, 'entry:' .. seq)
  append(seq, queue, lane, due, created)
end

local function commit()
  local refused = refusal()
  if refused then
    -- A write of this connection, for WAIT to wait for: what made us refuse may not have reached the replicas yet.
    if fence == '1' then
      call('INCR', base .. 'fence')
    end
    return refused
  end
  if messages > 0 then
    local key = base .. 'seen:' .. current
    hset(key, messages_at, settles_at - 1)
    call('EXPIRE', key, keep, 'NX')
  end
  for at = settles_at, writes_at - 1, 7 do
    settle(at)
  end
  local at = writes_at
  for _ = 1, writes do
    at = write(at)
  end
  for _ = 1, leads do
    put_lead(at)
    at = at + 5
  end
  for _ = 1, entries do
    enqueue(at)
    at = at + 9
  end
  return 0
end

local answers, at = {}, 1
for k = 1, #KEYS do
  base = KEYS[k]
  at = begin(at)
  answers[k] = commit()
end
return answers
