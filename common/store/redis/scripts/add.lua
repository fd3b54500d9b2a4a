-- Records a flow. Arguments: id, lock's group, lock's token, record, authorize URL; the times at
-- which the flow began, expires and is forgotten; client, browser, group, slot, most flows to keep
local id, record, url = ARGV[2], ARGV[5], ARGV[6]
local created, expires, forgotten = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local client, browser, group, slot = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local most = tonumber(ARGV[14])
local flow = prefix .. 'flow:' .. id
local sweep = 64
local this = epoch()

if this == nil then
	return say('REPLICA')
end
if not holds(ARGV[3], ARGV[4]) then
	return say('LOST')
end
-- The flow's beginning was taken from a clock other than Redis'.
if created > now + 60 then
	return say('LATE')
end
if redis.call('EXISTS', flow) == 1 then
	return say('TAKEN')
end

-- If Redis is full, it refuses this first write.
redis.call('HSET', flow, 'record', record, 'reign', this, 'from', created, 'till', expires,
	'client', client, 'browser', browser, 'group', group, 'slot', slot)
redis.call('EXPIREAT', flow, forgotten)
if expires > now then
	redis.call('SET', prefix .. 'url:' .. id, url, 'PX', expires * 1000 - now_ms)
end

local function enter(name, score)
	redis.call('ZADD', prefix .. name, score, id)
	redis.call('EXPIRE', prefix .. name, longest)
end
-- Keeps the order of flows that began in the same second.
local order = string.format('%d.%06d', created, now == created and clock[2] or 999999)
enter('waiting', expires)
enter('client:' .. client, expires)
enter('open:' .. group, expires)
enter('group:' .. group, order)
enter('slot:' .. slot, order)
enter('browser:' .. browser, order)
redis.call('ZREMRANGEBYSCORE', prefix .. 'client:' .. client, '-inf', '(' .. clock[1])
redis.call('ZREMRANGEBYSCORE', prefix .. 'open:' .. group, '-inf', '(' .. clock[1])
for _, name in ipairs({'group:' .. group, 'slot:' .. slot, 'browser:' .. browser}) do
	redis.call('ZREMRANGEBYSCORE', prefix .. name, '-inf', now - longest)
end

-- Moves expired flows to 'ended', and forgets the oldest ended ones.
local function forget(old)
	local key = prefix .. 'flow:' .. old
	local f = redis.call('HMGET', key, 'client', 'browser', 'group', 'slot')
	redis.call('DEL', key, prefix .. 'url:' .. old)
	redis.call('ZREM', prefix .. 'ended', old)
	if f[1] then
		redis.call('ZREM', prefix .. 'client:' .. f[1], old)
		redis.call('ZREM', prefix .. 'browser:' .. f[2], old)
		redis.call('ZREM', prefix .. 'group:' .. f[3], old)
		redis.call('ZREM', prefix .. 'open:' .. f[3], old)
		redis.call('ZREM', prefix .. 'slot:' .. f[4], old)
	end
end
local over = redis.call('ZRANGEBYSCORE', prefix .. 'waiting', '-inf', '(' .. clock[1],
	'WITHSCORES', 'LIMIT', 0, sweep)
for i = 1, #over, 2 do
	redis.call('ZREM', prefix .. 'waiting', over[i])
	redis.call('ZADD', prefix .. 'ended', over[i + 1], over[i])
end
redis.call('EXPIRE', prefix .. 'ended', longest)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'ended', '-inf',
	now - (forgotten - expires), 'LIMIT', 0, sweep)) do
	forget(old)
end
local many = redis.call('ZCARD', prefix .. 'waiting') + redis.call('ZCARD', prefix .. 'ended') - most
if many > 0 then
	for _, old in ipairs(redis.call('ZRANGE', prefix .. 'ended', 0, math.min(many, sweep) - 1)) do
		forget(old)
	end
end
return say('OK')
