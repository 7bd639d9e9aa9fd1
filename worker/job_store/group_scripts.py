"""The Lua scripts of groups, jobs that were submitted together as one grid.

Keys: `group:<id>` (hash), `group:<id>:jobs` (list of job ids in the order of their submission), and the sorted set
`groups`. A group lives as long as one of its jobs does.
"""

from worker.job_store.job_scripts import PRELUDE

SUBMIT_GROUP = (
    PRELUDE
    + """
-- ARGV: id, request with its grid, idempotency key or '', digest, seconds the key is kept, request id, traceparent,
-- then for each job: id, request, what is varied. All of it happens, or nothing. Answers {group or job known under the
-- key, digest that came with it}
local id, idem, digest, keep = ARGV[1], ARGV[3], ARGV[4], ARGV[5]
-- A submission whose answer was lost comes again, and must not put back jobs that run by now
if redis.call('EXISTS', prefix .. 'group:' .. id) == 1 then return {id, digest} end
if idem ~= '' then
  local key = prefix .. 'idempotency:' .. idem
  local known = redis.call('HMGET', key, 'group', 'job', 'digest')
  if known[1] and redis.call('EXISTS', prefix .. 'group:' .. known[1]) == 1 then return {known[1], known[3]} end
  if not known[1] and known[2] and redis.call('EXISTS', job_key(known[2])) == 1 then return {known[2], known[3]} end
  redis.call('HSET', key, 'group', id, 'job', ARGV[8], 'digest', digest)
  redis.call('EXPIRE', key, keep)
end
redis.call('HSET', prefix .. 'group:' .. id, 'id', id, 'request', ARGV[2], 'created_at', now(), 'submitted_by', ARGV[6])
for i = 8, #ARGV, 3 do
  enqueue(ARGV[i], ARGV[i + 1], ARGV[6], ARGV[7])
  redis.call('HSET', job_key(ARGV[i]), 'group', id, 'varied', ARGV[i + 2])
  redis.call('RPUSH', prefix .. 'group:' .. id .. ':jobs', ARGV[i])
end
redis.call('ZADD', prefix .. 'groups', redis.call('ZSCORE', prefix .. 'jobs', ARGV[8]), id)
return {id, digest}
"""
)
