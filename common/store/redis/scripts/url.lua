-- Reads the authorize URL of a flow that waits. Argument: id
local url = redis.call('GET', prefix .. 'url:' .. ARGV[2])
if not url then
	return say('UNKNOWN')
end
return say('OK', url)
