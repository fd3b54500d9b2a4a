-- Requests for wrk whose number grows with each: METHOD, TARGET with a # for the number, FIRST.
-- After LAST it goes on with the last one.
local method, target = os.getenv("METHOD"), os.getenv("TARGET")
local number, last = tonumber(os.getenv("FIRST")), tonumber(os.getenv("LAST"))
local pattern = os.getenv("PATTERN")
local headers = { ["Cookie"] = os.getenv("COOKIE") }
local body

if method == "POST" then
  headers["Content-Type"] = "application/json"
  headers["Sec-Fetch-Site"] = "same-origin"
  body = '{"method":0,"inputs":{}}'
end

function request()
  local text = target:gsub("#", string.format(pattern, number))
  if number < last then number = number + 1 end
  return wrk.format(method, text, headers, body)
end
