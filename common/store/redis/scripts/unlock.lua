-- Gives the lock of a group back. Arguments: group, token
if holds(ARGV[2], ARGV[3]) then
	redis.call('DEL', prefix .. 'lock:' .. ARGV[2])
end
return say('OK')
