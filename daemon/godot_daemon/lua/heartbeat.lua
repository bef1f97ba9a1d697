-- Say that a worker is alive, by this server's clock, which all workers share.
-- KEYS workers   ARGV worker
-- The first line lets the second one work in a server without memory.
redis.call('HDEL', KEYS[1], '')
redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1])
return 1
