-- A replica asks for calls. The law is that of window.go: half of the limit
-- goes at once, the rest is spaced. All of it may go to the one caller of one
-- replica while no other replica has asked for a window.
--
-- ARGV: generation, replica, limit, calls needed now, calls wanted ahead,
-- bucket, buckets in a window, buckets for which calls may be held while there
-- are plenty, 1 when one caller has the replica to itself, free share of a
-- replica, for how long what a silent replica spent freely counts, for how long
-- a window is contended, then pairs of bucket and calls that come back unused
--
-- Answer: {0} when the replica's knowledge is of another generation, {1} when
-- others still spend their own shares, {3} when the window is not contended or
-- the replica has not told what it spent freely, else {2, calls, microseconds
-- for which they are good, bucket in which they count, microseconds until there
-- may be more, gap between spaced calls, microseconds of penalty, calls used,
-- microseconds for which the window is contended, then pairs of microseconds
-- until calls are forgotten and their number}
local gen = generation()
if gen ~= ARGV[1] then return {0} end
local _, alone = replicas()
if alone > 0 then return {1} end
fresh(gen)

local me, limit = ARGV[2], tonumber(ARGV[3])
local need, ahead = tonumber(ARGV[4]), tonumber(ARGV[5])
local bucket, span, plenty = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local share, memory, contest = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local current = math.floor(now / bucket)

local returned = 0
for i = 13, #ARGV, 2 do
  if tonumber(ARGV[i]) > current - span and redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 then
    redis.call('HINCRBY', KEYS[2], ARGV[i], -ARGV[i + 1])
    returned = returned + ARGV[i + 1]
  end
end

local used, at, count = 0, {}, {}
local other = {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local index = tonumber(all[i])
  if not index then
    other[all[i]] = all[i + 1]
  elseif index <= current - span then
    redis.call('HDEL', KEYS[2], all[i])
  else
    local n = tonumber(all[i + 1])
    if n > 0 then
      used = used + n
      at[#at + 1] = index
      count[index] = n
    end
  end
end
table.sort(at)

local since, till = other.since, tonumber(other.till or 0)
if till <= now or other['a:' .. me] ~= since then return {3} end

-- What others may have spent freely and have not told yet is kept back.
local unsure = 0
local record = redis.call('HGETALL', KEYS[1])
for i = 1, #record, 2 do
  local who = string.match(record[i], '^b:(.+)$')
  if who and who ~= me and other['a:' .. who] ~= since and tonumber(record[i + 1]) > now - memory then
    unsure = unsure + share
  end
end
local counted = used
used = used + unsure

local function freed(index) return (index + span) * bucket end

-- The gap that keeps something back until old calls are forgotten.
local gap, free = span * bucket / limit, limit - used
for _, index in ipairs(at) do
  if free <= 0 then break end
  gap = math.max(gap, (freed(index) - now) / free)
  free = free + count[index]
end
gap = math.max(1, gap / 1.05)

local penalty = math.max(0, tonumber(other.penalty or 0) - now)
-- What came back unused does not delay the next.
local pace = tonumber(other.pace or 0) - returned * gap
local got, index = 0, current

local function grant(n, into)
  redis.call('HINCRBY', KEYS[2], num(into), n)
  if not count[into] then at[#at + 1] = into end
  count[into] = (count[into] or 0) + n
  used, got, index = used + n, got + n, into
end

-- Who asks, and when somebody else did last.
local elsewhere = tonumber(other.elsewhere or 0)
if other.last and other.last ~= me then elsewhere = tonumber(other.last_at) end
redis.call('HSET', KEYS[2], 'last', me, 'last_at', num(now), 'elsewhere', num(elsewhere))
local lone = ARGV[9] == '1' and (elsewhere == 0 or now - elsewhere >= span * bucket)

local free_at_once = (lone and limit or math.max(math.floor(limit / 2), 1)) - used
if now < tonumber(other.spaced or 0) then free_at_once = 0 end
if penalty == 0 and free_at_once > 0 then
  -- Ahead goes only a part of what is there, so that others find some too.
  local n = math.min(math.max(need, math.min(need + ahead, math.floor(free_at_once / 4))), free_at_once)
  if n > 0 then
    grant(n, current + (free_at_once > limit / 8 and plenty or 0))
    pace = now
  end
elseif penalty == 0 and used < limit and now >= pace then
  local late = math.max(pace, now - 4 * bucket)
  local n = math.min(need, limit - used, 1 + math.floor((now - late) / gap))
  if n > 0 then
    grant(n, current)
    pace = late + n * gap
  end
end

-- Until when the next call must wait: for what was used to be forgotten, or for
-- its place in the spacing.
local wait = 0
if used >= limit then
  local n = used - limit + 1
  for _, i in ipairs(at) do
    n = n - count[i]
    if n <= 0 then
      wait = freed(i) - now
      break
    end
  end
  if wait == 0 then wait = bucket end
end
if got < need then wait = math.max(wait, pace - now, 1) end

-- Others will have told before long.
if unsure > 0 then wait = math.min(wait, bucket) end

-- Who got a spaced call lets another that went without go first.
local unmet = other.unmet
if got < need then
  redis.call('HSET', KEYS[2], 'unmet', me .. ' ' .. num(now))
elseif unmet and free_at_once <= 0 then
  local who, when = string.match(unmet, '^(%S+) (%d+)$')
  if who ~= me and now - tonumber(when) < 4 * gap then
    wait = math.max(wait, pace - now + math.min(0.3 * gap, bucket / 2))
  end
end

redis.call('HSET', KEYS[2], 'pace', num(pace))
redis.call('PEXPIRE', KEYS[2], num(math.ceil(4 * span * bucket / 1000)))

-- More than half is in use: nobody may spend freely until that is forgotten.
if counted + got > limit / 2 and till - now < contest / 2 then
  till = now + contest
  redis.call('HSET', KEYS[2], 'till', num(till))
  redis.call('ZADD', KEYS[3], num(now), KEYS[2])
end

local answer = {2, got, (index + 1) * bucket - now, index, math.ceil(wait), math.ceil(gap), penalty, used, till - now}
if unsure > 0 then
  answer[#answer + 1] = span * bucket
  answer[#answer + 1] = unsure
end
table.sort(at)
local group, last = 0, nil
for _, i in ipairs(at) do
  -- Eight buckets together, as if all were of the last one.
  if last and math.floor(i / 8) ~= math.floor(last / 8) then
    answer[#answer + 1] = freed(last) - now
    answer[#answer + 1] = group
    group = 0
  end
  group, last = group + count[i], i
end
if last then
  answer[#answer + 1] = freed(last) - now
  answer[#answer + 1] = group
end
return answer
