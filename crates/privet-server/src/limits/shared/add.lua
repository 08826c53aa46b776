-- Adds what a node has counted by itself while this server did not answer. Does nothing the second time.
--
-- KEYS: the name of this handing over; the counts. ARGV: for each count the beginning of its window, when that ends, requests,
--       tokens, cost.
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', 3600) == false then
  return 0
end
-- A sum that is larger than the server can tell stays what it was.
local function add(key, name, amount)
  if tonumber(redis.call('HGET', key, name) or '0') + tonumber(amount) < 2 ^ 62 then
    redis.call('HINCRBY', key, name, amount)
  end
end

local now = tonumber(redis.call('TIME')[1])
for i = 2, #KEYS do
  local key, at = KEYS[i], 1 + (i - 2) * 5
  local from, to = ARGV[at], tonumber(ARGV[at + 1])
  if to > now and tonumber(from) <= now then
    if redis.call('HGET', key, 'w') ~= from then
      redis.call('HSET', key, 'w', from, 'r', '0', 't', '0', 'n', '0')
    end
    add(key, 'r', ARGV[at + 2])
    add(key, 't', ARGV[at + 3])
    add(key, 'n', ARGV[at + 4])
    if redis.call('TTL', key) < to - now + 60 then
      redis.call('EXPIRE', key, to - now + 60)
    end
  end
end
return 1
