-- One load of wrk's, from the environment: TARGET, HOST, COOKIE, ADDRESS (X-Forwarded-For).
-- A # in TARGET is a number that grows with each request from FIRST to LAST, which is then repeated.
-- TARGETS in its place is a file with one in each line, that are asked for in turn.
-- At the end one line of JSON; there is no function for each answer, which would cost speed.
local target = os.getenv("TARGET")
local number, last = tonumber(os.getenv("FIRST")), tonumber(os.getenv("LAST"))
local headers = { ["Host"] = os.getenv("HOST"), ["Cookie"] = os.getenv("COOKIE") }

headers["X-Forwarded-For"] = os.getenv("ADDRESS")
wrk.headers = headers
wrk.path = target

if os.getenv("TARGETS") then
  local requests, next = {}, 0
  function init()
    for line in io.lines(os.getenv("TARGETS")) do requests[#requests + 1] = wrk.format("GET", line, headers) end
  end
  function request()
    next = next % #requests + 1
    return requests[next]
  end
elseif target:find("#") then
  function request()
    local text = target:gsub("#", string.format("%09d", number))
    if number < last then number = number + 1 end
    return wrk.format("GET", text, headers)
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"seconds":%.6f,"requests":%d,"bytes":%d,"refused":%d,"broken":%d,"p50":%.4f,"p99":%.4f}\n',
    summary.duration / 1e6, summary.requests, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
