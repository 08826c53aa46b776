-- Puts what a request used in the place of what was taken for it. Does nothing the second time.
--
-- KEYS: the reservation; the count of each charge.
-- ARGV: the node; requests, tokens, cost; whether nobody heard that it was taken (1 or 0). It may then not have been, or be taken
--       after this: that is kept from happening for two minutes.
local value = redis.call('GET', KEYS[1])
if not value then
  if ARGV[5] == '1' then
    redis.call('SET', (string.gsub(KEYS[1], ':q:', ':g:', 1)), '1', 'EX', 120)
  end
  return 0
end
redis.call('DEL', KEYS[1])
local taken = {}
for word in string.gmatch(value, '%S+') do
  taken[#taken + 1] = word
end
local field, names = '@' .. ARGV[1], { 'r', 't', 'n' }
for i = 2, #KEYS do
  local key = KEYS[i]
  local window, is_running = string.match(taken[i + 2], '^(.-):(.)$')
  if window ~= '' and redis.call('HGET', key, 'w') == window then
    for m = 1, 3 do
      local more = tonumber(ARGV[m + 1]) - tonumber(taken[m])
      if more ~= 0 and tonumber(redis.call('HGET', key, names[m]) or '0') + more < 2 ^ 62 then
        redis.call('HINCRBY', key, names[m], string.format('%.0f', more))
      end
    end
  end
  if is_running == '1' then
    local left = tonumber(redis.call('HGET', key, field) or '0')
    if left > 1 then
      redis.call('HINCRBY', key, field, -1)
    elseif left == 1 then
      redis.call('HDEL', key, field)
    end
  end
end
return 1
