-- A replica tells what it used without asking, or what the provider said.
--
-- ARGV: generation, bucket, length of a window, penalty from now (0: none),
-- spacing from now (0: none), then pairs of age and calls
local gen = generation()
if gen ~= ARGV[1] then return 0 end
fresh(gen)
local bucket, length = tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 6, #ARGV, 2 do
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
redis.call('PEXPIRE', KEYS[2], num(math.ceil(length / 500)))
return 1
