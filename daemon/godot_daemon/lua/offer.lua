-- Push entries, the oldest first, if all of them fit under the queue's bound: nothing is ever dropped for them.
-- KEYS queue   ARGV bound, entry, entry, …
-- Returns how many entries wait now, or -1 when these did not fit.
local waiting = redis.call('LLEN', KEYS[1])
if waiting + #ARGV - 1 > tonumber(ARGV[1]) then
  return -1
end
for first = 2, #ARGV, 1000 do
  redis.call('LPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
return waiting + #ARGV - 1
