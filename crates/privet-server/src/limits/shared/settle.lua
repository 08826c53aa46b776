-- Puts what a request used in the place of what was taken for it. Does nothing the second time.
--
-- KEYS: the reservation; the count of each charge.
-- ARGV: the node; the differences of requests, tokens, cost; then for each charge the beginning of the window that was taken from
--       ('' for none), and whether it counts requests at once (1 or 0).
if redis.call('DEL', KEYS[1]) == 0 then
  return 0
end
local field, names = '@' .. ARGV[1], { 'r', 't', 'n' }
for i = 2, #KEYS do
  local key, at = KEYS[i], 5 + (i - 2) * 2
  if ARGV[at] ~= '' and redis.call('HGET', key, 'w') == ARGV[at] then
    for m = 1, 3 do
      if ARGV[m + 1] ~= '0' then
        redis.call('HINCRBY', key, names[m], ARGV[m + 1])
      end
    end
  end
  if ARGV[at + 1] == '1' then
    local left = tonumber(redis.call('HGET', key, field) or '0')
    if left > 1 then
      redis.call('HINCRBY', key, field, -1)
    elseif left == 1 then
      redis.call('HDEL', key, field)
    end
  end
end
return 1
