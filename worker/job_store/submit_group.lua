-- submit_group: write all jobs of a grid as queued, and their group, unless the idempotency key is known or their
-- owner would have too many jobs.
--
-- ARGV[1]  id of the new group
-- ARGV[2]  request with its grid, as the client sent it (JSON)
-- ARGV[3]  SHA-256 of the idempotency key, or ''
-- ARGV[4]  digest of the request
-- ARGV[5]  seconds for which the idempotency key is kept
-- ARGV[6]  request id of the submission, or ''
-- ARGV[7]  owner of the jobs
-- ARGV[8]  most jobs of the owner that wait or run, or ''
-- ARGV[9]  most seconds of the owner's waiting jobs, or ''
-- ARGV[10…] of each job: id, request (JSON), further fields (JSON object of texts), names of the indexes that it is
--          always in (JSON list)
-- Answers  {id of the group, digest}: of the group or job known under the idempotency key if there is one, else of the
--          new group; {false, jobs of the owner, seconds of the waiting ones, seconds of each} if there are too many
-- Touches  job events feed jobs queued waits wide index queue waiting sequence group group_jobs groups idempotency pace correction

local id, sha, digest, keep_s, request_id = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local first_job = ARGV[10]

-- A client that missed the answer sends the command again: jobs that run by now must not be queued again.
if redis.call('EXISTS', key.group(id)) == 1 then return {id, digest} end

if sha ~= '' then
  local known = redis.call('HMGET', key.idempotency(sha), 'group', 'job', 'digest')
  if known[1] and redis.call('EXISTS', key.group(known[1])) == 1 then return {known[1], known[3]} end
  if not known[1] and known[2] and redis.call('EXISTS', key.job(known[2])) == 1 then return {known[2], known[3]} end
end

local new = {}
for i = 12, #ARGV, 4 do table.insert(new, ARGV[i]) end
local used = beyond_allowance(ARGV[7], new, ARGV[8], ARGV[9])
if used then return {false, unpack(used)} end

if sha ~= '' then
  redis.call('HSET', key.idempotency(sha), 'group', id, 'job', first_job, 'digest', digest)
  redis.call('EXPIRE', key.idempotency(sha), keep_s)
end

redis.call('HSET', key.group(id), 'id', id, 'request', ARGV[2], 'created_at', now(), 'submitted_by', request_id)
for i = 10, #ARGV, 4 do
  enqueue(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  redis.call('HSET', key.job(ARGV[i]), 'group', id)
  redis.call('RPUSH', key.group_jobs(id), ARGV[i])
end
redis.call('ZADD', key.groups, redis.call('ZSCORE', key.jobs, first_job), id)
return {id, digest}
