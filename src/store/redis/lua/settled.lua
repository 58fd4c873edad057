-- Refuses while Redis Cluster moves the slot of `state` to another node. Single keys of the slot are here then and others are
-- there, and Redis would stop a script in its middle, at the first key that isn't here: half a step would be done. So the
-- question comes before the first write. Two keys that never exist tell: where a slot is being given away the missing may be
-- with the other node, and where one is being taken over nobody knows yet; both refuse to say that they don't exist.
local function settled(state)
  local answer = redis.pcall('EXISTS', state .. ':absent', state .. ':missing')
  return type(answer) ~= 'table'
end
local MOVING = {'moving'}

-- Each shard has a state from the beginning on. Where it has none, this is not the store that was opened: it was flushed, or
-- came back empty.
local function absent(state)
  return redis.error_reply('NOSTATE ' .. state .. ' does not exist')
end
