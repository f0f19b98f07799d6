-- A replica that leases shows that it is there, looks whether the server still
-- knows what it knew, and hears which windows have become contended.
--
-- KEYS[2] is the list of contended windows, by when they became so or were
-- extended last.
--
-- ARGV: replica, when its last heartbeat was, for how long what a silent replica
-- spent freely counts, for how long a window is contended
--
-- Answer: generation, now, replicas whose free shares count, then pairs of a
-- window and the microseconds for which it is contended
local gen = generation()
redis.call('HSET', KEYS[1], 'b:' .. ARGV[1], num(now))
local lives = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'b:' then
    if tonumber(all[i + 1]) > now - ARGV[3] then
      lives = lives + 1
    else
      redis.call('HDEL', KEYS[1], all[i], 'l:' .. string.sub(all[i], 3))
    end
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', num(now - ARGV[4]))
local answer = {gen, now, lives}
for _, window in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], '+inf')) do
  local known = redis.call('HMGET', window, 'gen', 'till')
  local left = tonumber(known[2] or 0) - now
  if known[1] == gen and left > 0 then
    answer[#answer + 1] = window
    answer[#answer + 1] = left
  end
end
return answer
