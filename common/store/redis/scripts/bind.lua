-- Binds a flow to a browser. Arguments: id, browser
local flow = prefix .. 'flow:' .. ARGV[2]
if redis.call('EXISTS', flow) == 0 then
	return say('UNKNOWN')
end
if redis.call('HSETNX', flow, 'bound', ARGV[3]) == 0 then
	return say('TAKEN')
end
return say('OK')
