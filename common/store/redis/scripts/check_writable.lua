-- Checks that a flow could be recorded. Argument: bytes of memory that must be left
local memory = redis.call('INFO', 'memory')
local most = tonumber(memory:match('maxmemory:(%d+)'))
if most > 0 and memory:match('maxmemory_policy:([%w-]+)') ~= 'noeviction' then
	return say('EVICTS')
end
if most > 0 and tonumber(memory:match('used_memory:(%d+)')) + tonumber(ARGV[2]) > most then
	return say('FULL')
end
redis.call('SET', prefix .. 'try', clock[1], 'PX', 1000)
return say('OK')
