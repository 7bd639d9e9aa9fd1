-- heartbeat: renew a claim's lease and write how far its job is.
--
-- ARGV[1]  id of the job
-- ARGV[2]  fence of the claim
-- ARGV[3]  lease in seconds
-- ARGV[4]  half-life of the worker time that owners have used, in seconds
-- ARGV[5]  progress (JSON), replaces what was there
-- ARGV[6]  1 to tell those who follow the job, else 0
-- ARGV[7]  the best epoch so far, or ''
-- ARGV[8]  number of epochs before those that follow
-- ARGV[9…] metrics (JSON) of each further epoch; those that are known already are left out
-- Answers  {1 if the claim holds, 1 if cancellation was requested, number of epochs that are known now, 1 if the
--          training is to end now and to be published}
-- Touches  job events feed epochs running usage

local id, progress = ARGV[1], ARGV[5]
if not holds(id, ARGV[2]) then return {0, 0, 0, 0} end

local lease_until = now() + tonumber(ARGV[3])
redis.call('HSET', key.job(id), 'lease_until', lease_until, 'progress', progress)
redis.call('ZADD', key.running, lease_until, id)
settle_usage(id, tonumber(ARGV[4]), false)

local known = redis.call('LLEN', key.epochs(id))
for i = 9, #ARGV do
  if tonumber(ARGV[8]) + i - 8 == known + 1 then
    known = redis.call('RPUSH', key.epochs(id), ARGV[i])
    emit(id, 'epoch', ARGV[i])
  end
end
if ARGV[7] ~= '' then redis.call('HSET', key.job(id), 'best_epoch', ARGV[7]) end
if ARGV[6] == '1' then emit(id, 'progress', progress) end
return {1, redis.call('HEXISTS', key.job(id), 'cancel_requested'), known,
        redis.call('HEXISTS', key.job(id), 'finish_requested')}
