-- submit: write a new job as queued, unless its idempotency key is known.
--
-- ARGV[1]  id of the new job
-- ARGV[2]  request, planned (JSON)
-- ARGV[3]  SHA-256 of the idempotency key, or ''
-- ARGV[4]  digest of the request as the client sent it
-- ARGV[5]  seconds for which the idempotency key is kept
-- ARGV[6]  further fields of the job (JSON object of texts)
-- ARGV[7]  names of the indexes that it is always in (JSON list)
-- Answers  {id of the job, digest}: of the job known under the idempotency key if there is one, else of the new job
-- Touches  job events feed jobs queued waits index queue waiting sequence idempotency

local id, sha, digest, keep_s = ARGV[1], ARGV[3], ARGV[4], ARGV[5]

if sha ~= '' then
  local known = redis.call('HMGET', key.idempotency(sha), 'job', 'digest', 'retired')
  local is_kept = known[1] and (redis.call('EXISTS', key.job(known[1])) == 1 or known[3])
  if is_kept then return {known[1], known[2]} end
  redis.call('HSET', key.idempotency(sha), 'job', id, 'digest', digest)
  redis.call('EXPIRE', key.idempotency(sha), keep_s)
end

-- A client that missed the answer sends the command again: a job that runs by now must not be queued again.
if redis.call('EXISTS', key.job(id)) == 0 then enqueue(id, ARGV[2], ARGV[6], ARGV[7]) end
if sha ~= '' then redis.call('HSET', key.job(id), 'idempotency', sha) end
return {id, digest}
