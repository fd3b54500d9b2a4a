-- Takes requests from an allowance. Arguments: client, count, milliseconds until one request is
-- back, until all are back, a salt to use if there is none yet.
-- The generic cell rate algorithm: a client's value is the time at which its whole allowance is
-- back.
local count, each, all = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local salt = redis.call('GET', prefix .. 'salt')
if not salt then
	salt = ARGV[6]
	redis.call('SET', prefix .. 'salt', salt, 'EX', 86400)
end
local key = prefix .. 'rate:' .. redis.sha1hex(salt .. ARGV[2])
local value = redis.call('GET', key) or ''
local told = value:sub(-1) == '!'
local back = tonumber(value:match('^%d+')) or 0
-- More than the whole allowance ahead: the clock was set back since.
if back < now_ms or back > now_ms + all then
	back = now_ms
end
local over = back + math.max(count, 1) * each - now_ms > all
local wait = over and math.ceil((back + each - now_ms - all) / 1000) or 0
local first = over and count > 0 and not told
if count > 0 and (first or not over) then
	local mark = (first or told and back > now_ms) and '!' or ''
	back = over and back or back + count * each
	redis.call('SET', key, string.format('%.0f', back) .. mark, 'PX',
		math.max(back - now_ms, 1))
end
return say(over and 'RATE' or 'OK', wait, first and 1 or 0)
