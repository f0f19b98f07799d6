-- A replica tells what it used without asking, or what the provider said.
--
-- ARGV: generation, bucket, length of a window, penalty from now (0: none),
-- spacing from now (0: none), replica, for how long the window is contended
-- from now if it is not yet (0: leave it; else this is all that the replica has
-- to tell, and it spends nothing freely from here on), then pairs of age and
-- calls
--
-- Answer: {0} when the replica's knowledge is of another generation, else {1,
-- microseconds for which the window is contended}
local gen = generation()
if gen ~= ARGV[1] then return {0} end
fresh(gen)
local bucket, length, contest = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[7])
for i = 8, #ARGV, 2 do
  local age, n = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  redis.call('HINCRBY', KEYS[2], num(math.floor((now - age) / bucket)), n)
end
for i, field in ipairs({'penalty', 'spaced'}) do
  local till = tonumber(ARGV[3 + i])
  if till > 0 then
    local known = tonumber(redis.call('HGET', KEYS[2], field) or 0)
    redis.call('HSET', KEYS[2], field, num(math.max(known, now + till)))
  end
end
local left = 0
if contest > 0 then
  local known = redis.call('HMGET', KEYS[2], 'since', 'till')
  local since, till = known[1], tonumber(known[2] or 0)
  if till <= now then
    since, till = num(now), now + contest
    redis.call('HSET', KEYS[2], 'since', since, 'till', num(till))
    redis.call('ZADD', KEYS[3], since, KEYS[2])
  end
  redis.call('HSET', KEYS[2], 'a:' .. ARGV[6], since)
  left = till - now
end
redis.call('PEXPIRE', KEYS[2], num(math.ceil(length / 250)))
return {1, left}
