-- Counts the flows that wait.
return say('OK', redis.call('ZCOUNT', prefix .. 'waiting', '(' .. clock[1], '+inf'))
