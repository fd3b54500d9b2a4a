-- What every script begins with. KEYS[1] is what all our keys begin with, ARGV[1] the time in
-- milliseconds from which on nobody waits for the answer any more. An answer is the time here,
-- a word, and what belongs to it.
local prefix = KEYS[1]
local clock = redis.call('TIME')
local now = tonumber(clock[1])
local now_ms = now * 1000 + math.floor(clock[2] / 1000)
local function say(word, ...)
	return {now_ms, word, ...}
end
if now_ms > tonumber(ARGV[1]) then
	return say('LATE')
end

-- Seconds that a flow is kept at most: the longest lifetime, and STORE_KEEP_SECONDS.
local longest = 3600 + 600

-- Which Redis this is, in which of its times as a master: another after each restart and failover.
local function epoch()
	local replication = redis.call('INFO', 'replication')
	local run = redis.call('INFO', 'server'):match('run_id:(%w+)')
	if replication:match('role:(%a+)') ~= 'master' then
		return nil
	end
	return run .. ':' .. replication:match('master_replid:(%w+)')
end

-- Whether the lock of a group is still held by who has this token; '' asks for none.
local function holds(group, token)
	return token == '' or redis.call('GET', prefix .. 'lock:' .. group) == token
end

-- A flow waits no more: it counts for no limit.
local function leave(id, flow)
	local f = redis.call('HMGET', flow, 'till', 'client', 'group')
	redis.call('DEL', prefix .. 'url:' .. id)
	redis.call('ZREM', prefix .. 'client:' .. f[2], id)
	redis.call('ZREM', prefix .. 'open:' .. f[3], id)
	if redis.call('ZREM', prefix .. 'waiting', id) == 1 then
		redis.call('ZADD', prefix .. 'ended', f[1], id)
		redis.call('EXPIRE', prefix .. 'ended', longest)
	end
end
