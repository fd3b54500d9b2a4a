-- Undoes a claim. Arguments: id, owner of the claim
local flow = prefix .. 'flow:' .. ARGV[2]
if redis.call('HGET', flow, 'owner') ~= ARGV[3] then
	return say('LOST')
end
redis.call('HDEL', flow, 'claim', 'owner')
return say('OK')
