-- name, text, seconds that any note is good for
redis.call('SET', prefix .. 'note:' .. ARGV[2], clock[1] .. ' ' .. ARGV[3], 'EX', ARGV[4])
return say('OK')
