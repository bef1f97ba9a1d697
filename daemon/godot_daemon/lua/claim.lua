-- Move entries from the tail of the queue to an in-flight list of their own, which the daemon then reads.
--
-- KEYS  queue, dropped, position, inflight, workers
-- ARGV  worker, limit, minimum, max bytes, prefix of in-flight lists, an epoch in case there is none yet
-- Returns {waiting} when fewer than `minimum` wait, else {waiting, epoch, batch}.
--
-- The batch is named <base>-<time>: base is how many entries have ever left the tail before it, claimed or dropped,
-- which makes base + index the absolute position of an entry. A server that lost its last second in a crash has
-- lost the counters together with the moves, so the same entry has the same position again.
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

local limit, most = math.min(waiting, tonumber(ARGV[2])), tonumber(ARGV[4])

-- In one go: "sorted" by nothing, a range of a list is copied as it stands. That takes a third of this server's time
-- for slices, and the append-only file gets the command alone. Returns nothing when the entries would pass the bytes
-- (probes tell before they are copied, their list tells for sure, unless the server compresses it) or when the login
-- may not ask for the size or sort.
local function size_of(key, samples)
  local size = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', samples)
  return type(size) == 'number' and size or math.huge
end

local function move_at_once()
  if size_of(KEYS[1], 1) == math.huge then
    return nil
  end
  local step, probed = math.ceil(limit / 64), 0
  for index = 1 + now[2] % step, limit, step do
    probed = probed + step * #redis.call('LINDEX', KEYS[1], -index)
    if probed >= most then
      return nil
    end
  end
  local count = redis.pcall('SORT', KEYS[1], 'BY', 'nosort', 'LIMIT', waiting - limit, limit, 'STORE', list)
  if count ~= limit then
    return nil
  end
  if size_of(list, 0) >= most then
    redis.call('UNLINK', list)
    return nil
  end
  return count
end

-- By the slice, which ends with the entry that passes the bytes. A slice is small, so that no more than a few
-- oversized entries are looked at beyond that one.
local function move_by_slices()
  local SLICE = 32
  local count, bytes = 0, 0
  while count < limit and bytes < most do
    local newest_first = redis.call('LRANGE', KEYS[1], -math.min(count + SLICE, limit), -count - 1)
    local slice = {}
    for index = #newest_first, 1, -1 do
      local entry = newest_first[index]
      slice[#slice + 1] = entry
      bytes = bytes + #entry
      if bytes >= most then
        break
      end
    end
    redis.call('LPUSH', list, unpack(slice))
    count = count + #slice
  end
  return count
end

local count = move_at_once() or move_by_slices()
redis.call('LTRIM', KEYS[1], 0, -count - 1)

redis.call('HINCRBY', KEYS[3], 'claimed', count)
redis.call('HSET', KEYS[4], ARGV[1] .. ':' .. batch, count)
return {waiting - count, redis.call('HGET', KEYS[3], 'epoch'), batch}
