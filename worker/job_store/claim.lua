-- claim: give a queued job to a worker, under a new fence and a lease.
--
-- ARGV[1]  id of the job
-- ARGV[2]  lease in seconds
-- ARGV[3]  name of the claimant; one that missed the answer asks again and gets the same claim
-- Answers  {request, attempt, fence, request id or '', traceparent or '', draft or '', seconds that earlier attempts
--          ran, estimated bytes of memory or ''}, or nil when the job cannot be claimed
-- Touches  job events queued running fences

local id, lease_s, claimant = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local found = redis.call('HMGET', key.job(id), 'state', 'claimant')

if not (found[1] == 'running' and found[2] == claimant) then
  if not is_legal(found[1], 'running') then return false end
  local lease_until = now() + lease_s
  redis.call('HSET', key.job(id), 'fence', redis.call('INCR', key.fences))
  redis.call('HINCRBY', key.job(id), 'attempt', 1)
  redis.call('HDEL', key.job(id), 'progress', 'history', 'error')
  redis.call('HSET', key.job(id), 'state', 'running', 'claimant', claimant, 'started_at', now(),
             'lease_until', lease_until)
  redis.call('ZREM', key.queued, id)
  redis.call('ZADD', key.running, lease_until, id)
  emit(id, 'state', 'running')
end

local job = redis.call('HMGET', key.job(id), 'request', 'attempt', 'fence', 'submitted_by', 'traceparent', 'draft',
                       'ran_s', 'estimated_bytes')
return {job[1], job[2], job[3], job[4] or '', job[5] or '', job[6] or '', job[7] or '0', job[8] or ''}
