-- A node says that it lives. Gives how many do, whether it was known to, and this server's time.
--
-- KEYS: that this node lives; all nodes. ARGV: the node; seconds that it counts as living.
local now, ttl = tonumber(redis.call('TIME')[1]), tonumber(ARGV[2])
local was_known = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], '1', 'EX', ttl)
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. (now - ttl))
redis.call('EXPIRE', KEYS[2], ttl * 2)
return { redis.call('ZCARD', KEYS[2]), was_known, now }
