return say('OK', redis.call('ZCOUNT', prefix .. 'waiting', '(' .. clock[1], '+inf'))
