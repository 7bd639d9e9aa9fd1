-- spare: leave an attempt whose worker was lost out of the count, if it came further than all attempts before it.
--
-- The furthest epoch only grows, so a job is spared at most once for each of its epochs, and asking twice spares once.
--
-- ARGV[1]  id of the job
-- ARGV[2]  fence of the claim
-- Answers  how many attempts of the job do not count
-- Touches  job epochs

local id = ARGV[1]
local known = redis.call('HMGET', key.job(id), 'furthest', 'uncounted')
local done, uncounted = redis.call('LLEN', key.epochs(id)), tonumber(known[2] or 0)
if holds(id, ARGV[2]) and done > tonumber(known[1] or 0) then
  uncounted = uncounted + 1
  redis.call('HSET', key.job(id), 'furthest', done, 'uncounted', uncounted)
end
return uncounted
