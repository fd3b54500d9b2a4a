-- Lists ids. Arguments: seconds, most, names of lists. Replies with the newest ids in all the
-- lists, newest first
local since, most = now - tonumber(ARGV[2]) + 1, tonumber(ARGV[3])
local found, seen, answer = {}, {}, say('OK')
for i = 4, #ARGV do
	local part = redis.call('ZREVRANGEBYSCORE', prefix .. ARGV[i], '+inf', since, 'WITHSCORES',
		'LIMIT', 0, most)
	for j = 1, #part, 2 do
		if not seen[part[j]] then
			seen[part[j]] = true
			table.insert(found, {part[j], tonumber(part[j + 1])})
		end
	end
end
table.sort(found, function(a, b) return a[2] > b[2] end)
for i = 1, math.min(#found, most) do
	answer[i + 2] = found[i][1]
end
return answer
