-- grow_group: add queued jobs to a group, all or none, unless the idempotency key is known.
--
-- ARGV[1]  id of the group
-- ARGV[2]  most jobs that a group may have
-- ARGV[3]  SHA-256 of the idempotency key, or ''
-- ARGV[4]  digest of the request
-- ARGV[5]  seconds for which the idempotency key is kept
-- ARGV[6]  owner of the jobs
-- ARGV[7]  most jobs of the owner that wait or run, or ''
-- ARGV[8]  most seconds of the owner's waiting jobs, or ''
-- ARGV[9…] of each job: id, request (JSON), further fields (JSON object of texts), names of the indexes that it is
--          always in (JSON list)
-- Answers  {'added', id of the group, digest}: of the group or job known under the idempotency key if there is one;
--          {'gone'} when there is no such group; {'full', number of its jobs} when they would be too many;
--          {'beyond', jobs of the owner, seconds of the waiting ones, seconds of each} when the owner has too many
-- Touches  job events feed jobs queued waits wide index queue waiting sequence group group_jobs idempotency pace correction

local id, sha, digest = ARGV[1], ARGV[3], ARGV[4]

if redis.call('EXISTS', key.group(id)) == 0 then return {'gone'} end

-- A client that missed the answer sends the command again: the jobs are there, and may run by now.
if redis.call('EXISTS', key.job(ARGV[9])) == 1 then return {'added', id, digest} end

if sha ~= '' then
  local known = redis.call('HMGET', key.idempotency(sha), 'group', 'job', 'digest')
  if known[2] and redis.call('EXISTS', key.job(known[2])) == 1 then return {'added', known[1] or known[2], known[3]} end
end

local n_new, n_known = (#ARGV - 8) / 4, redis.call('LLEN', key.group_jobs(id))
if n_known + n_new > tonumber(ARGV[2]) then return {'full', n_known} end
local new = {}
for i = 11, #ARGV, 4 do table.insert(new, ARGV[i]) end
local used = beyond_allowance(ARGV[6], new, ARGV[7], ARGV[8])
if used then return {'beyond', unpack(used)} end

if sha ~= '' then
  redis.call('HSET', key.idempotency(sha), 'group', id, 'job', ARGV[9], 'digest', digest)
  redis.call('EXPIRE', key.idempotency(sha), ARGV[5])
end

for i = 9, #ARGV, 4 do
  enqueue(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  redis.call('HSET', key.job(ARGV[i]), 'group', id)
  redis.call('RPUSH', key.group_jobs(id), ARGV[i])
end
local additions = cjson.decode(redis.call('HGET', key.group(id), 'additions') or '[]')
additions[#additions + 1] = {at = now(), jobs = n_new}
redis.call('HSET', key.group(id), 'additions', cjson.encode(additions))
return {'added', id, digest}
