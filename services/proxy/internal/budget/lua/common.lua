-- Shared by the scripts. All times are microseconds of the server's clock.
--
-- KEYS[1] is the server's record: field "gen" names the generation, which
-- begins when the server starts without what it knew, "born" is when, and
-- "l:<replica>" is until when that replica spends its own share of every
-- limit, 0 when it has stopped, and "b:<replica>" is when its last heartbeat
-- was.
-- KEYS[2], where there is one, is the window of one key: a field per bucket
-- with the calls that count in it, "gen", "pace" (when the next spaced call may
-- go), "spaced" (until when all calls are), "penalty" (until when none may go)
-- "last", "last_at" and "elsewhere" (which replica asked last, when it did, and
-- when another one did last), "unmet" (who last went away with less than it
-- needed, and when), "since" and "till" (between which replicas have to lease)
-- and "a:<replica>" (the "since" for which it has told what it spent freely).
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]

local function num(v) return string.format('%.0f', v) end

-- generation gives the present one. A server that has restarted, or another
-- one that has taken its place, has another run_id: what it holds may be old.
local function generation()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local known = redis.call('HMGET', KEYS[1], 'gen', 'born')
  if known[1] and string.sub(known[1], 1, #run) == run then
    return known[1], tonumber(known[2])
  end
  redis.call('DEL', KEYS[1])
  local gen = run .. ':' .. num(now)
  redis.call('HSET', KEYS[1], 'gen', gen, 'born', num(now))
  return gen, now
end

-- fresh drops a window of an earlier generation.
local function fresh(gen)
  local have = redis.call('HGET', KEYS[2], 'gen')
  if have ~= gen then
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[2], 'gen', gen)
  end
end

-- replicas counts those on record in this generation, and those that spend
-- their own share now.
local function replicas()
  local known, alone = 0, 0
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'l:' then
      known = known + 1
      if tonumber(all[i + 1]) > now then alone = alone + 1 end
    end
  end
  return known, alone
end
