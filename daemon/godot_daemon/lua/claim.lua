-- Move entries from the tail of the queue to an in-flight list of their own.
--
-- KEYS  queue, dropped, position, inflight, workers
-- ARGV  worker, limit, minimum, max bytes, prefix of in-flight lists, an epoch in case there is none yet
-- Returns {waiting} when fewer than `minimum` wait, else {waiting, epoch, batch, entries}, the oldest first.
--
-- The batch is named <base>-<time>: base is how many entries have ever left the tail before it, claimed or dropped,
-- which makes base + index the absolute position of an entry. A server that lost its last second in a crash has
-- lost the counters together with the moves, so the same entry has the same position again.
-- One move per entry costs 3 µs where a bulk move costs 2, but it writes 90 bytes to the append-only file where
-- that writes every entry again; and an oversized entry ends the batch before it fills the daemon's memory.

local waiting = redis.call('LLEN', KEYS[1])
if waiting < math.max(1, tonumber(ARGV[3])) then
  return {waiting}
end

-- A server without memory refuses what may need some, unless the script has written before: then nothing would ever
-- move away what fills it.
redis.call('HDEL', KEYS[4], '')
redis.call('HSETNX', KEYS[3], 'epoch', ARGV[6])
local now = redis.call('TIME')
redis.call('HSET', KEYS[5], ARGV[1], now[1])
local base = (redis.call('HGET', KEYS[3], 'claimed') or 0) + (redis.call('HGET', KEYS[2], 'queue_full') or 0)
local batch = string.format('%.0f-%d%06d', base, now[1], now[2])
local list = ARGV[5] .. ARGV[1] .. ':' .. batch

local call = redis.call
local entries, bytes, most = {}, 0, tonumber(ARGV[4])
for number = 1, tonumber(ARGV[2]) do
  local entry = call('RPOPLPUSH', KEYS[1], list)
  if not entry then
    break
  end
  entries[number] = entry
  bytes = bytes + #entry
  if bytes >= most then
    break
  end
end

redis.call('HINCRBY', KEYS[3], 'claimed', #entries)
redis.call('HSET', KEYS[4], ARGV[1] .. ':' .. batch, #entries)
return {waiting - #entries, redis.call('HGET', KEYS[3], 'epoch'), batch, entries}
