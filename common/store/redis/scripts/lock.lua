-- Takes the lock of a group. Arguments: group, token, milliseconds that the lock lasts
if redis.call('SET', prefix .. 'lock:' .. ARGV[2], ARGV[3], 'NX', 'PX', ARGV[4]) then
	return say('OK')
end
return say('TAKEN')
