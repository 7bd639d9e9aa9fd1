-- begin_commit: note which version a job is about to publish; from here on it can no longer be cancelled.
--
-- The number stays when the claim is lost: the next claim must find out whether the version was published.
--
-- ARGV[1]  id of the job
-- ARGV[2]  fence of the claim
-- ARGV[3]  number of the version
-- Answers  1, or 0 when the claim is lost or cancellation was requested
-- Touches  job

local id = ARGV[1]
if not holds(id, ARGV[2]) or redis.call('HEXISTS', key.job(id), 'cancel_requested') == 1 then return 0 end
redis.call('HSET', key.job(id), 'draft', ARGV[3])
return 1
