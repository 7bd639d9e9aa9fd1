-- claim: give a queued job to a worker, under a new fence and a lease.
--
-- Whose turn it is: the owner's who has used least worker time lately; of equal ones, the owner's whose job was
-- submitted first. Of an owner's own jobs, the one with the highest priority, and of those the oldest. What a job is
-- expected to take is charged at once, so that several workers that ask at the same moment serve several owners.
--
-- ARGV[1]  id of the job, or '' for the one whose turn it is
-- ARGV[2]  lease in seconds
-- ARGV[3]  name of the claimant; one that missed the answer asks again and gets the same claim
-- ARGV[4]  half-life of the worker time that owners have used, in seconds
-- ARGV[5]  newest format of records that the claimant reads; jobs of newer ones are left to newer workers
-- ARGV[6]  devices that the claimant has; jobs that need more are left to others
-- Answers  {id, request, attempt, fence, request id or '', traceparent or '', draft or '', seconds that earlier
--          attempts ran, estimated bytes of memory or '', owner, tags as JSON, note or '', attempts that do not
--          count}, or nil when there is no
--          job to be claimed; {'', id, format, version that wrote it} when there are only jobs of a newer format
-- Touches  job events feed epochs jobs queued running waits wide index queue waiting usage pace fences

local lease_s, claimant, half_life_s = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local newest_format, devices, unreadable = tonumber(ARGV[5] or 1), tonumber(ARGV[6] or 1), nil

-- Whether the claimant can read the record of the job, and has the devices for it; remembers one that it cannot read.
local function is_runnable(id)
  local needed = redis.call('HMGET', key.job(id), 'format', 'devices')
  if tonumber(needed[1] or 1) > newest_format then
    unreadable = id
    return false
  end
  return tonumber(needed[2] or 1) <= devices
end

-- The job that this claimant has got already.
local function claimed_before()
  for _, id in ipairs(redis.call('ZRANGE', key.running, 0, -1)) do
    if redis.call('HGET', key.job(id), 'claimant') == claimant then return id end
  end
end

-- The first job of an owner. Whatever a worker or an API of an earlier version moved without our indexes is put where
-- it belongs.
local function first_of(owner)
  local passed = 0
  while true do
    local id = redis.call('ZRANGE', key.queue(owner), passed, passed)[1]
    if not id then
      if passed == 0 then redis.call('ZREM', key.waiting, owner) end
      return nil
    end
    local state = redis.call('HGET', key.job(id), 'state')
    if state == 'queued' then
      if is_runnable(id) then return id end
      passed = passed + 1
    elseif state then place(id, state) else redis.call('ZREM', key.queue(owner), id) end
  end
end

local function next_job()
  local best, least, oldest
  for _, owner in ipairs(redis.call('ZRANGE', key.waiting, 0, -1)) do
    local id = first_of(owner)
    if id then
      local used, sequence = used_s(owner, half_life_s), tonumber(redis.call('ZSCORE', key.jobs, id))
      if not best or used < least - 1e-3 or (used < least + 1e-3 and sequence < oldest) then
        best, least, oldest = id, used, sequence
      end
    end
  end
  if best then return best end
  for _, id in ipairs(redis.call('ZRANGE', key.queued, 0, 99)) do
    if is_runnable(id) then return id end
  end
end

local id = ARGV[1]
if id == '' then id = claimed_before() or next_job() elseif not is_runnable(id) then id = nil end
if not id and unreadable then
  local written = redis.call('HMGET', key.job(unreadable), 'format', 'made_by')
  return {'', unreadable, written[1], written[2] or 'unknown'}
end
if not id then return false end
local found = redis.call('HMGET', key.job(id), 'state', 'claimant', 'owner')

if not (found[1] == 'running' and found[2] == claimant) then
  if not is_legal(found[1], 'running') then return false end
  local lease_until, expected = now() + lease_s, expected_s()
  redis.call('HSET', key.job(id), 'fence', redis.call('INCR', key.fences))
  redis.call('HINCRBY', key.job(id), 'attempt', 1)
  redis.call('HDEL', key.job(id), 'progress', 'history', 'best_epoch', 'error')
  redis.call('DEL', key.epochs(id))
  redis.call('HSET', key.job(id), 'state', 'running', 'claimant', claimant, 'started_at', now(),
             'lease_until', lease_until, 'charged_s', expected)
  redis.call('ZREM', key.queued, id)
  redis.call('ZADD', key.running, lease_until, id)
  place(id, 'running')
  charge(found[3] or 'local', expected, half_life_s)
  emit(id, 'state', 'running')
end

local job = redis.call('HMGET', key.job(id), 'request', 'attempt', 'fence', 'submitted_by', 'traceparent', 'draft',
                       'ran_s', 'estimated_bytes', 'owner', 'tags', 'note', 'uncounted')
return {id, job[1], job[2], job[3], job[4] or '', job[5] or '', job[6] or '', job[7] or '0', job[8] or '',
        job[9] or 'local', job[10] or '[]', job[11] or '', job[12] or '0'}
