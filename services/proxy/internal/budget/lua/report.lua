-- A replica tells whether it spends its own share, and learns whether it may
-- stop. It may when all replicas are on record, having told what they used, or
-- when what they used before is too old to count.
--
-- ARGV: replica, replicas by configuration, length of a window, for how long
-- this report holds (0: it has stopped)
local gen, born = generation()
local hold = tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'l:' .. ARGV[1], hold > 0 and num(now + hold) or '0')
local known = replicas()
local over = known >= tonumber(ARGV[2]) or now - born >= tonumber(ARGV[3])
return {gen, over and 1 or 0}
