-- Takes what a request may use from all of its counts, or from none.
--
-- KEYS: the reservation; the count of each charge.
-- ARGV: what stands before a node's name where it says that it lives; the node; seconds that the reservation is kept; requests,
--       tokens, cost; then for each charge its window ('' for none), most requests, tokens, cost (-1: no limit) and requests at once
--       (-1: no limit).
-- Gives {0} or {number of the charge, what there is not enough of}.
--
-- The reservation holds what was asked (requests, tokens, cost), and then for each charge the beginning of its window, `:`, and
-- whether it counts requests at once: whoever settles need not have heard the answer. What was given up before it came here has
-- a name behind `g:` and takes nothing.
--
-- A count is a hash: `w` the beginning of its window by this server's clock, `r`, `t`, `n` requests, tokens, cost, and for each
-- node, behind `@`, its requests under way.
local now = tonumber(redis.call('TIME')[1])
local alive, node, keep = ARGV[1], ARGV[2], tonumber(ARGV[3])
local ask = { ARGV[4], ARGV[5], ARGV[6] }
local fields = { 'r', 't', 'n' }

if redis.call('EXISTS', (string.gsub(KEYS[1], ':q:', ':g:', 1))) == 1 then
  return redis.error_reply('ERR given up')
end

-- The beginning and the end of the window that `now` is in, in seconds since 1970, by UTC.
local function bounds(window)
  local lengths = { minute = 60, hour = 3600, day = 86400 }
  local length = lengths[window]
  if length then
    local from = now - now % length
    return from, from + length
  end
  -- The day and the length of the month by the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date
  -- Algorithms", days_from_civil and its inverse).
  local day = math.floor(now / 86400)
  local z = day + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local dom = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local lengths_of = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  local length_of = lengths_of[month]
  if month == 2 and ((year % 4 == 0 and year % 100 ~= 0) or year % 400 == 0) then
    length_of = 29
  end
  local from = (day - (dom - 1)) * 86400
  return from, from + length_of * 86400
end

-- Requests under way on nodes that live; those of others are forgotten.
local function running(key)
  local sum, all = 0, redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local field = all[i]
    if string.sub(field, 1, 1) == '@' then
      local name = string.sub(field, 2)
      if name == node or redis.call('EXISTS', alive .. name) == 1 then
        sum = sum + tonumber(all[i + 1])
      else
        redis.call('HDEL', key, field)
      end
    end
  end
  return sum
end

-- A sum that is larger than the server can tell stays what it was.
local function add(key, name, amount)
  if tonumber(redis.call('HGET', key, name) or '0') + tonumber(amount) < 2 ^ 62 then
    redis.call('HINCRBY', key, name, amount)
  end
end

local windows, ttls = {}, {}
for i = 2, #KEYS do
  local key, at = KEYS[i], 7 + (i - 2) * 5
  local window, most = ARGV[at], { tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]) }
  local at_once = tonumber(ARGV[at + 4])
  local ttl = 60
  if at_once >= 0 then
    ttl = keep
    if running(key) >= at_once then
      return { i - 1, 'concurrent' }
    end
  end
  if window == '' then
    windows[i] = ''
  else
    local from, to = bounds(window)
    windows[i] = tostring(from)
    ttl = math.max(ttl, to - now + 60)
    local used = redis.call('HMGET', key, 'w', 'r', 't', 'n')
    local is_now = used[1] == windows[i]
    for m = 1, 3 do
      local before = is_now and tonumber(used[m + 1] or '0') or 0
      if most[m] >= 0 and before + tonumber(ask[m]) > most[m] then
        return { i - 1, fields[m] }
      end
    end
  end
  ttls[i] = ttl
end

local taken = { ask[1], ask[2], ask[3] }
for i = 2, #KEYS do
  local key, at = KEYS[i], 7 + (i - 2) * 5
  local is_running = tonumber(ARGV[at + 4]) >= 0
  if windows[i] ~= '' then
    if redis.call('HGET', key, 'w') ~= windows[i] then
      redis.call('HSET', key, 'w', windows[i], 'r', '0', 't', '0', 'n', '0')
    end
    for m = 1, 3 do
      add(key, fields[m], ask[m])
    end
  end
  if is_running then
    redis.call('HINCRBY', key, '@' .. node, 1)
  end
  redis.call('EXPIRE', key, ttls[i])
  taken[i + 2] = windows[i] .. ':' .. (is_running and '1' or '0')
end
redis.call('SET', KEYS[1], table.concat(taken, ' '), 'EX', keep)
return { 0 }
