-- All counts of the queue at one instant.
-- KEYS  queue, inflight, dropped, position, workers
-- Returns {waiting, in flight, claimed, epoch, dropped (reason, count, …), workers (name, seconds since heartbeat, …)}
local flying = 0
for _, count in ipairs(redis.call('HVALS', KEYS[2])) do
  flying = flying + count
end
local workers = redis.call('HGETALL', KEYS[5])
local now = redis.call('TIME')[1]
for index = 2, #workers, 2 do
  workers[index] = now - workers[index]
end
return {
  redis.call('LLEN', KEYS[1]), flying,
  tonumber(redis.call('HGET', KEYS[4], 'claimed') or 0), redis.call('HGET', KEYS[4], 'epoch') or '',
  redis.call('HGETALL', KEYS[3]), workers,
}
