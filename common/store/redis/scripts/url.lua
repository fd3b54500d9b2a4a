-- id
local url = redis.call('GET', prefix .. 'url:' .. ARGV[2])
if not url then
	return say('UNKNOWN')
end
return say('OK', url)
