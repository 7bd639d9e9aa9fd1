-- heartbeat: renew a claim's lease and write how far its job is.
--
-- ARGV[1]  id of the job
-- ARGV[2]  fence of the claim
-- ARGV[3]  lease in seconds
-- ARGV[4]  progress (JSON), replaces what was there
-- ARGV[5]  history (JSON), replaces what was there
-- ARGV[6]  'progress' or 'epoch' to tell those who follow the job, else ''
-- Answers  {1 if the claim holds, 1 if cancellation was requested}
-- Touches  job events running

local id, progress, history, event = ARGV[1], ARGV[4], ARGV[5], ARGV[6]
if not holds(id, ARGV[2]) then return {0, 0} end

local lease_until = now() + tonumber(ARGV[3])
redis.call('HSET', key.job(id), 'lease_until', lease_until, 'progress', progress, 'history', history)
redis.call('ZADD', key.running, lease_until, id)
if event == 'epoch' then emit(id, 'epoch', history) end
if event ~= '' then emit(id, 'progress', progress) end
return {1, redis.call('HEXISTS', key.job(id), 'cancel_requested')}
