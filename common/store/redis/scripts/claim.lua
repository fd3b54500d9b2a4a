-- Claims, supersedes or expires a flow. Arguments: id, word, owner of the claim; for a claim:
-- lock's group, lock's token, milliseconds that the lock lasts from now on
local id, word = ARGV[2], ARGV[3]
local flow = prefix .. 'flow:' .. id
local f = redis.call('HMGET', flow, 'reign', 'from', 'till', 'claim', 'end')
if not f[1] then
	return say('UNKNOWN')
end
local this = epoch()
if this == nil then
	return say('REPLICA')
end
-- A flow of another epoch: a claim that was made there may be missing here.
if f[4] or f[5] or f[1] ~= this then
	return say('TAKEN')
end
if word == 'claim' then
	if now < tonumber(f[2]) or now >= tonumber(f[3]) then
		return say('TAKEN')
	end
	if not holds(ARGV[5], ARGV[6]) then
		return say('LOST')
	end
end
redis.call('HSET', flow, 'claim', word .. ' ' .. clock[1], 'owner', ARGV[4])
if word == 'claim' and ARGV[6] ~= '' then
	redis.call('PEXPIRE', prefix .. 'lock:' .. ARGV[5], ARGV[7])
end
if word == 'superseded' then
	leave(id, flow)
end
return say('OK')
