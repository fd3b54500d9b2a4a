-- Checks the limits without the group's own flows. Arguments: client, group, most in all, most per
-- client
local client, group = prefix .. 'client:' .. ARGV[2], prefix .. 'open:' .. ARGV[3]
local most, most_client = tonumber(ARGV[4]), tonumber(ARGV[5])
local later = '(' .. clock[1]
local same = redis.call('ZRANGEBYSCORE', group, later, '+inf', 'LIMIT', 0, 64)
local all = redis.call('ZCOUNT', prefix .. 'waiting', later, '+inf')
local mine = redis.call('ZCOUNT', client, later, '+inf')
if mine >= most_client then
	for _, id in ipairs(same) do
		if redis.call('ZSCORE', client, id) then
			mine = mine - 1
		end
	end
end
if all - #same >= most or mine >= most_client then
	return say('MANY')
end
return say('OK')
