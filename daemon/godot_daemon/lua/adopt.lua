-- Take over one claim that nobody works on: of a worker without a heartbeat, or of our own that we do not know.
--
-- KEYS  inflight, workers, position
-- ARGV  worker, seconds without heartbeat, prefix of in-flight lists, the batches that the worker holds …
-- Returns {owner, epoch, batch}, or nothing.
--
-- Our own unknown claims are those whose answer was lost on the way, or whose acknowledgement was lost in a crash of
-- this server. The claim keeps its name, so its entries keep their positions and their time.
-- Taking over from a worker that is only slow does no harm: the database knows each record's id.

local held = {}
for number = 4, #ARGV do
  held[ARGV[number]] = true
end

local oldest = redis.call('TIME')[1] - ARGV[2]
local function is_dead(worker)
  local beat = redis.call('HGET', KEYS[2], worker)
  return not beat or tonumber(beat) < oldest
end

local owners = {}
for _, claim in ipairs(redis.call('HKEYS', KEYS[1])) do
  local owner, batch = string.match(claim, '^(.*):([^:]*)$')
  owners[owner] = true
  local orphan
  if owner == ARGV[1] then
    orphan = not held[batch]
  else
    orphan = is_dead(owner)
  end
  if orphan then
    local from, to = ARGV[3] .. claim, ARGV[3] .. ARGV[1] .. ':' .. batch
    redis.call('HDEL', KEYS[1], claim)
    if redis.call('EXISTS', from) == 1 then
      if from ~= to then
        redis.call('RENAME', from, to)
      end
      redis.call('HSET', KEYS[1], ARGV[1] .. ':' .. batch, redis.call('LLEN', to))
      return {owner, redis.call('HGET', KEYS[3], 'epoch') or '', batch}
    end
  end
end

-- Nothing to take over: forget the dead that hold nothing.
for _, worker in ipairs(redis.call('HKEYS', KEYS[2])) do
  if worker ~= ARGV[1] and not owners[worker] and is_dead(worker) then
    redis.call('HDEL', KEYS[2], worker)
  end
end
return false
