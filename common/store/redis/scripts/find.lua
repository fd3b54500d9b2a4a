-- Finds a flow. Argument: id. Replies with the record, the browser that confirmed, the claim, the
-- end, and 1 if the flow began in another epoch, else 0
local f = redis.call('HMGET', prefix .. 'flow:' .. ARGV[2], 'record', 'bound', 'claim', 'end', 'reign')
if not f[1] then
	return say('UNKNOWN')
end
local this = epoch()
if this == nil then
	return say('REPLICA')
end
return say('OK', f[1], f[2] or '', f[3] or '', f[4] or '', f[5] == this and 0 or 1)
