-- prelude: what every script of this folder begins with. It has no arguments of its own.
--
-- A script is one atomic step on the server: it happens whole or not at all. `worker.job_store.scripts` puts the two
-- tables `LEGAL_MOVES` and `REDIRECTIONS` of `worker.jobs.states` and then this file before each script. Times are
-- seconds since the epoch by the server's clock, so that machines whose clocks differ agree on leases.
--
-- Keys (all with the prefix KEYS[1], which is 'convserve:'; one server or one primary with replicas, not a cluster):
--   job:<id>           hash    the job: id, state, request (JSON), created_at, queued_at, started_at, finished_at,
--                              attempt, ran_s (seconds of earlier attempts), estimated_bytes (of memory), submitted_by,
--                              traceparent, group, varied (JSON), progress, history, model, error (JSON each); of its claim: fence,
--                              claimant, lease_until; and two marks:
--                              draft (number of the version it may have published), cancel_requested
--   job:<id>:events    stream  event (`state`, `progress` or `epoch`) and data; the newest 4,000 or so
--   job:<id>:log       list    lines of its log, oldest first; written by `worker.job_store.claims`
--   jobs               zset    ids of all jobs, by their number in `sequence`
--   queued             zset    ids of the jobs that wait, by the same number
--   running            zset    ids of the jobs that run, by the time their lease ends
--   sequence           number  of the job submitted last
--   fences             number  of the latest claim; each claim is fenced by its own
--   group:<id>         hash    a grid: id, request (JSON), created_at, submitted_by
--   group:<id>:jobs    list    ids of its jobs, in the order of the grid
--   groups             zset    ids of all groups, by the `sequence` of their first job
--   idempotency:<sha>  hash    job, group, and digest of the request that came with this key; expires
--   watch              string  name of the process that looks after lost jobs; expires
--   workers            hash    by worker: when its announcement ends, and the bytes it allows a trainer

local prefix = KEYS[1]

local key = {
  job = function(id) return prefix .. 'job:' .. id end,
  events = function(id) return prefix .. 'job:' .. id .. ':events' end,
  log = function(id) return prefix .. 'job:' .. id .. ':log' end,
  jobs = prefix .. 'jobs',
  queued = prefix .. 'queued',
  running = prefix .. 'running',
  sequence = prefix .. 'sequence',
  fences = prefix .. 'fences',
  group = function(id) return prefix .. 'group:' .. id end,
  group_jobs = function(id) return prefix .. 'group:' .. id .. ':jobs' end,
  groups = prefix .. 'groups',
  idempotency = function(sha) return prefix .. 'idempotency:' .. sha end,
  watch = prefix .. 'watch',
  workers = prefix .. 'workers',
}

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

-- Tell those who follow the job.
local function emit(id, event, data)
  redis.call('XADD', key.events(id), 'MAXLEN', '~', '4000', '*', 'event', event, 'data', data)
end

-- Whether the job runs under the claim with this fence.
local function holds(id, fence)
  local found = redis.call('HMGET', key.job(id), 'state', 'fence')
  return found[1] == 'running' and found[2] == fence
end

local function is_legal(state, target)
  return LEGAL_MOVES[state] ~= nil and LEGAL_MOVES[state][target] == true
end

local function is_finished(state)
  return LEGAL_MOVES[state] ~= nil and next(LEGAL_MOVES[state]) == nil
end

-- The state that a job really enters when it is moved to `target`.
local function redirected(id, target)
  for _, rule in ipairs(REDIRECTIONS) do
    if target == rule.target and redis.call('HEXISTS', key.job(id), rule.mark) == 1 then target = rule.instead end
  end
  return target
end

-- Take a job out of the state it is in and put it, queued or finished, into another one.
local function enter(id, state)
  local found = redis.call('HMGET', key.job(id), 'state', 'started_at')
  if found[1] == 'running' and found[2] then
    redis.call('HINCRBYFLOAT', key.job(id), 'ran_s', string.format('%.3f', now() - tonumber(found[2])))
  end
  redis.call('HSET', key.job(id), 'state', state)
  redis.call('ZREM', key.queued, id)
  redis.call('ZREM', key.running, id)
  if state == 'queued' then
    redis.call('ZADD', key.queued, redis.call('ZSCORE', key.jobs, id), id)
    redis.call('HSET', key.job(id), 'queued_at', now())
  else
    redis.call('HSET', key.job(id), 'finished_at', now())
  end
  emit(id, 'state', state)
end

-- Write a new job as queued, behind all others.
local function enqueue(id, request, request_id, traceparent, memory)
  local sequence = redis.call('INCR', key.sequence)
  redis.call('HSET', key.job(id), 'id', id, 'state', 'queued', 'request', request, 'created_at', now(), 'attempt', 0,
             'queued_at', now())
  if request_id ~= '' then redis.call('HSET', key.job(id), 'submitted_by', request_id) end
  if memory ~= '' then redis.call('HSET', key.job(id), 'estimated_bytes', memory) end
  if traceparent ~= '' then redis.call('HSET', key.job(id), 'traceparent', traceparent) end
  redis.call('ZADD', key.jobs, sequence, id)
  redis.call('ZADD', key.queued, sequence, id)
  emit(id, 'state', 'queued')
end
