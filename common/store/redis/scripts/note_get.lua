-- Reads a note. Arguments: name, seconds after which a note is too old
local note = redis.call('GET', prefix .. 'note:' .. ARGV[2])
local since, text = (note or ''):match('^(%d+) (.*)$')
if not since or tonumber(since) > now or now - tonumber(since) >= tonumber(ARGV[3]) then
	return say('UNKNOWN')
end
return say('OK', text)
