-- submit: write a new job as queued, unless its idempotency key is known or its owner has too many jobs.
--
-- ARGV[1]  id of the new job
-- ARGV[2]  request, planned (JSON)
-- ARGV[3]  SHA-256 of the idempotency key, or ''
-- ARGV[4]  digest of the request as the client sent it
-- ARGV[5]  seconds for which the idempotency key is kept
-- ARGV[6]  further fields of the job (JSON object of texts)
-- ARGV[7]  names of the indexes that it is always in (JSON list)
-- ARGV[8]  its owner
-- ARGV[9]  most jobs of the owner that wait or run, or ''
-- ARGV[10] most seconds of the owner's waiting jobs, or ''
-- Answers  {id of the job, digest}: of the job known under the idempotency key if there is one, else of the new job;
--          {false, jobs of the owner, seconds of the waiting ones, seconds of each} if there are too many
-- Touches  job events feed jobs queued waits wide index queue waiting sequence idempotency pace correction

local id, sha, digest, keep_s = ARGV[1], ARGV[3], ARGV[4], ARGV[5]

if sha ~= '' then
  local known = redis.call('HMGET', key.idempotency(sha), 'job', 'digest', 'retired')
  local is_kept = known[1] and (redis.call('EXISTS', key.job(known[1])) == 1 or known[3])
  if is_kept then return {known[1], known[2]} end
end

-- A client that missed the answer sends the command again: a job that runs by now must not be queued again.
if redis.call('EXISTS', key.job(id)) == 0 then
  local used = beyond_allowance(ARGV[8], {ARGV[6]}, ARGV[9], ARGV[10])
  if used then return {false, unpack(used)} end
  enqueue(id, ARGV[2], ARGV[6], ARGV[7])
end
if sha ~= '' then
  redis.call('HSET', key.idempotency(sha), 'job', id, 'digest', digest)
  redis.call('EXPIRE', key.idempotency(sha), keep_s)
  redis.call('HSET', key.job(id), 'idempotency', sha)
end
return {id, digest}
