-- Push entries, the oldest first, and keep the bound of the queue: the script of clients/wire/README.md.
-- KEYS queue, dropped   ARGV bound, entry, entry, …
-- Returns how many of the oldest were dropped.
for first = 2, #ARGV, 1000 do
  redis.call('LPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
local over = redis.call('LLEN', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then
  redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[1]) - 1)
  redis.call('HINCRBY', KEYS[2], 'queue_full', over)
  return over
end
return 0
