-- Writes a note. Arguments: name, text, seconds for which Redis keeps it
redis.call('SET', prefix .. 'note:' .. ARGV[2], clock[1] .. ' ' .. ARGV[3], 'EX', ARGV[4])
return say('OK')
