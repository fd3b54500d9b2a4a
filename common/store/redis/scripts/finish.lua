-- Records how a flow ended. Arguments: id, end
local flow = prefix .. 'flow:' .. ARGV[2]
if redis.call('EXISTS', flow) == 0 then
	return say('UNKNOWN')
end
if redis.call('HSETNX', flow, 'end', ARGV[3]) == 0 then
	return say('TAKEN')
end
leave(ARGV[2], flow)
return say('OK')
