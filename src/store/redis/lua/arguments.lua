-- The arguments of a call come packed in one, as a MessagePack list of texts: Redis has one to take in then, not thousands.
local ARGV = cmsgpack.unpack(ARGV[1])
