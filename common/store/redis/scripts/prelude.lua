-- Every script begins with this file. KEYS[1] is the prefix of all our keys; ARGV[1] is the
-- deadline in milliseconds, after which nobody waits for the reply. A reply is Redis' time in
-- milliseconds, a word, and the values that belong to the word. A script's own arguments start at
-- ARGV[2].
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

-- The most seconds that a flow is kept: the longest lifetime plus STORE_KEEP_SECONDS.
local longest = 3600 + 600

-- Returns the epoch of this master, which changes with each restart and failover; nil: a replica.
-- A flow has it in its field 'reign'.
local function epoch()
	local replication = redis.call('INFO', 'replication')
	local run = redis.call('INFO', 'server'):match('run_id:(%w+)')
	if replication:match('role:(%a+)') ~= 'master' then
		return nil
	end
	return run .. ':' .. replication:match('master_replid:(%w+)')
end

-- Returns whether the holder of this token still has the lock of a group; '' needs no lock.
local function holds(group, token)
	return token == '' or redis.call('GET', prefix .. 'lock:' .. group) == token
end

-- Takes a flow that no longer waits out of all limits.
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
