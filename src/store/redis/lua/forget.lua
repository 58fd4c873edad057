-- Deletes what belongs to a subject, but for claimed entries: their claimers will settle them, or claim them again.
-- ARGV: subject. Answers {records, leads, entries}.
local mine = base .. 'of:' .. ARGV[1]
local leads, entries = 0, 0

local function drop_lead(id)
  local key = base .. 'lead:' .. id
  call('ZREM', base .. 'leads:' .. call('HGET', key, 'definition'), id)
  call('ZREM', base .. 'leads', id)
  leads = leads + call('DEL', key)
  call('SREM', mine, 'lead:' .. id)
end

local function drop_entry(seq)
  local of = call('HMGET', entry_key(seq), 'queue', 'id', 'lane', 'state', 'lease')
  local queue, id, state = of[1], of[2], of[4]
  if of[5] then
    return
  elseif state == 'pending' then
    leave(seq, queue, of[3])
    call('HDEL', base .. 'ids:' .. queue, id)
  elseif state == 'dead' then
    call('ZREM', base .. 'dead:' .. queue, seq)
    call('HDEL', base .. 'ids:' .. queue, id)
  else
    call('ZREM', base .. 'done:' .. queue, seq)
    call('HDEL', base .. 'done-ids:' .. queue, id)
  end
  erase(seq, ARGV[1])
  entries = entries + 1
end

for _, what in ipairs(call('SMEMBERS', mine)) do
  if string.sub(what, 1, 5) == 'lead:' then
    drop_lead(string.sub(what, 6))
  else
    drop_entry(string.sub(what, 7))
  end
end
return { call('DEL', base .. ARGV[1]), leads, entries }
