-- prelude: what every script of this folder begins with. It has no arguments of its own.
--
-- A script is one atomic step on the server: it happens whole or not at all. `worker.job_store.scripts` puts the two
-- tables `LEGAL_MOVES` and `REDIRECTIONS` of `worker.jobs.states` and then this file before each script. Times are
-- seconds since the epoch by the server's clock, so that machines whose clocks differ agree on leases.
--
-- Keys (all with the prefix KEYS[1], which is 'convserve:'; one server or one primary with replicas, not a cluster):
--   job:<id>           hash    the job: id, state, request (JSON), created_at, queued_at, started_at, finished_at,
--                              attempt, ran_s (seconds of earlier attempts), devices (if more than one),
--                              estimated_bytes (of memory), estimated_s (of time, by a formula), submitted_by,
--                              traceparent, group, varied (JSON), progress, model, error (JSON each), best_epoch;
--                              format and made_by (see `worker.jobs.formats`);
--                              owner, tags (JSON), note, priority, notify, idempotency (SHA-256 of the key); facets (JSON:
--                              names of the indexes that it is always in) and indexed (the state under which it is in
--                              indexes); finish_requested;
--                              uncounted (attempts that do not count, see `spare.lua`) and furthest (epochs that were
--                              done when a worker was lost); of its claim: fence, claimant, lease_until, charged_s (of worker time, already
--                              charged to its owner); and two marks: draft (number of the version it may have
--                              published), cancel_requested.
--                              Earlier versions kept the whole history as JSON in `history`
--   job:<id>:epochs    list    of each finished epoch its metrics (JSON), oldest first
--   job:<id>:events    stream  event (`state`, `progress` or `epoch`) and data; the newest 1,500 or so while it runs
--   feed               stream  the same of all jobs, and `deleted`, with the job's id; the newest 5,000 or so
--   job:<id>:log       list    lines of its log, oldest first; written by `worker.job_store.claims`
--   jobs               zset    ids of all jobs, by their number in `sequence`
--   queued             zset    ids of the jobs that wait, by the same number
--   running            zset    ids of the jobs that run, by the time their lease ends
--   waits              zset    ids of the jobs that wait, by the time since when
--   wide               zset    ids of the jobs that wait for several devices, by the number in `sequence`
--   index:<id>         zset    ids of the jobs with one property, such as `state=failed`, by the same number
--   queue:<id>         zset    ids of one owner's jobs that wait, by priority and then that number
--   waiting            zset    owners with jobs that wait
--   usage              hash    by owner: seconds of worker time used lately, and when they were last counted
--   pace               number  of seconds that a training takes, the latest ones counting most
--   correction         number  of seconds that a training takes per second of its estimate, the latest counting most
--   sequence           number  of the job submitted last
--   fences             number  of the latest claim; each claim is fenced by its own
--   group:<id>         hash    a grid: id, request (JSON), created_at, submitted_by; additions (JSON: when how many jobs
--                              were added to it)
--   group:<id>:jobs    list    ids of its jobs, in the order of the grid
--   groups             zset    ids of all groups, by the `sequence` of their first job
--   idempotency:<sha>  hash    job, group, and digest of the request that came with this key; expires
--   ledger             number  of changes to the ledger of finished jobs in the model store, see `worker.ledger`
--   ledger:writer      string  held by the process that changes the ledger; expires
--   watch              string  name of the process that looks after lost jobs; expires
--   notices            zset    ids of jobs whose end an address is to be told of, by the time when it is tried next
--   notice:<id>        hash    such a notice: url, tries
--   workers            hash    by worker: when its announcement ends, and the bytes it allows a trainer
--   workers:facts      hash    by worker: what else it says about itself (JSON)
-- One more key is used by no script: split:<name>, a hash with the counts of the versions of an alias that has a canary
-- or a shadow, by `<role>.<what>`, and since when; it expires (see `worker.job_store.split_counts`).

local prefix = KEYS[1]

local key = {
  job = function(id) return prefix .. 'job:' .. id end,
  events = function(id) return prefix .. 'job:' .. id .. ':events' end,
  feed = prefix .. 'feed',
  log = function(id) return prefix .. 'job:' .. id .. ':log' end,
  epochs = function(id) return prefix .. 'job:' .. id .. ':epochs' end,
  jobs = prefix .. 'jobs',
  queued = prefix .. 'queued',
  running = prefix .. 'running',
  waits = prefix .. 'waits',
  wide = prefix .. 'wide',
  index = function(name) return prefix .. 'index:' .. name end,
  queue = function(owner) return prefix .. 'queue:' .. owner end,
  waiting = prefix .. 'waiting',
  usage = prefix .. 'usage',
  pace = prefix .. 'pace',
  correction = prefix .. 'correction',
  sequence = prefix .. 'sequence',
  fences = prefix .. 'fences',
  group = function(id) return prefix .. 'group:' .. id end,
  group_jobs = function(id) return prefix .. 'group:' .. id .. ':jobs' end,
  groups = prefix .. 'groups',
  idempotency = function(sha) return prefix .. 'idempotency:' .. sha end,
  ledger = prefix .. 'ledger',
  ledger_writer = prefix .. 'ledger:writer',
  watch = prefix .. 'watch',
  notices = prefix .. 'notices',
  notice = function(id) return prefix .. 'notice:' .. id end,
  workers = prefix .. 'workers',
  worker_facts = prefix .. 'workers:facts',
}

-- The server's clock, read once: it stands still while a script runs.
local moment

local function now()
  if not moment then
    local time = redis.call('TIME')
    moment = tonumber(time[1]) + tonumber(time[2]) / 1e6
  end
  return moment
end

-- Tell those who follow all jobs.
local function emit_to_feed(id, event, data)
  redis.call('XADD', key.feed, 'MAXLEN', '~', '5000', '*', 'job', id, 'event', event, 'data', data)
end

-- Tell those who follow the job, and those who follow all jobs.
local function emit(id, event, data)
  redis.call('XADD', key.events(id), 'MAXLEN', '~', '1500', '*', 'event', event, 'data', data)
  emit_to_feed(id, event, data)
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

-- Seconds that a training is expected to take: as the latest ones took, or a minute before one has ended.
local function expected_s()
  return tonumber(redis.call('GET', key.pace) or 60)
end

-- Seconds that a job with this estimate is expected to take; without an estimate, as the latest trainings took.
local function corrected_s(estimated_s)
  if not estimated_s then return expected_s() end
  return tonumber(estimated_s) * tonumber(redis.call('GET', key.correction) or 1)
end

-- A mean in which the latest value counts a fifth.
local function followed(mean, value)
  return string.format('%.6g', 0.8 * tonumber(mean or value) + 0.2 * value)
end

-- Seconds of worker time that an owner has used lately: they halve with every half-life.
local function used_s(owner, half_life_s)
  local seconds, at = string.match(redis.call('HGET', key.usage, owner) or '', '^(%S+) (%S+)$')
  if not seconds then return 0 end
  return tonumber(seconds) * 2 ^ (-(now() - tonumber(at)) / half_life_s)
end

-- Add worker time to what an owner has used; less than none is a refund.
local function charge(owner, seconds, half_life_s)
  local used = math.max(0, used_s(owner, half_life_s) + seconds)
  redis.call('HSET', key.usage, owner, string.format('%.3f %.3f', used, now()))
end

-- Charge what a running job has used beyond what was charged already; at its end, give back what it did not use.
local function settle_usage(id, half_life_s, is_end)
  local job = redis.call('HMGET', key.job(id), 'owner', 'started_at', 'charged_s')
  if not job[2] or not job[3] then return end
  local ran_s = now() - tonumber(job[2])
  if ran_s > tonumber(job[3]) or is_end then
    charge(job[1] or 'local', ran_s - tonumber(job[3]), half_life_s)
    redis.call('HSET', key.job(id), 'charged_s', string.format('%.3f', ran_s))
  end
end

-- Take a job out of the indexes of its state and out of its owner's queue.
local function displace(id)
  local job = redis.call('HMGET', key.job(id), 'indexed', 'owner')
  local owner = job[2] or 'local'
  if job[1] then
    redis.call('ZREM', key.index('state=' .. job[1]), id)
    redis.call('ZREM', key.index('state=' .. job[1] .. ',owner=' .. owner), id)
  end
  redis.call('ZREM', key.waits, id)
  redis.call('ZREM', key.wide, id)
  redis.call('ZREM', key.queue(owner), id)
  if redis.call('EXISTS', key.queue(owner)) == 0 then redis.call('ZREM', key.waiting, owner) end
end

-- Put a job into the indexes of the state that it is in and, if it waits, into its owner's queue.
local function place(id, state)
  displace(id)
  local sequence = redis.call('ZSCORE', key.jobs, id)
  if not sequence then return end
  local job = redis.call('HMGET', key.job(id), 'owner', 'priority', 'queued_at', 'created_at', 'devices')
  local owner = job[1] or 'local'
  redis.call('ZADD', key.index('state=' .. state), sequence, id)
  redis.call('ZADD', key.index('state=' .. state .. ',owner=' .. owner), sequence, id)
  redis.call('HSET', key.job(id), 'indexed', state)
  if state == 'queued' then
    -- Priorities are from -10 to 10; a double holds both parts exactly.
    local turn = (10 - tonumber(job[2] or 0)) * 1e12 + tonumber(sequence)
    redis.call('ZADD', key.queue(owner), string.format('%.0f', turn), id)
    redis.call('ZADD', key.waiting, 0, owner)
    redis.call('ZADD', key.waits, job[3] or job[4] or 0, id)
    if job[5] then redis.call('ZADD', key.wide, sequence, id) end
  end
end

-- Take a job out of the state it is in and put it, queued or finished, into another one.
local function enter(id, state, half_life_s)
  local found = redis.call('HMGET', key.job(id), 'state', 'started_at', 'estimated_s')
  if found[1] == 'running' and found[2] then
    local ran_s = now() - tonumber(found[2])
    redis.call('HINCRBYFLOAT', key.job(id), 'ran_s', string.format('%.3f', ran_s))
    settle_usage(id, half_life_s, true)
    if state == 'succeeded' then
      redis.call('SET', key.pace, followed(redis.call('GET', key.pace), ran_s))
      if found[3] then
        local ratio = ran_s / math.max(tonumber(found[3]), 1)
        redis.call('SET', key.correction, followed(redis.call('GET', key.correction), ratio))
      end
    end
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
  place(id, state)
  emit(id, 'state', state)
  if is_finished(state) then
    -- Those who follow the job read its end within the hour; its record says everything that the events said.
    redis.call('XTRIM', key.events(id), 'MAXLEN', 100)
    redis.call('EXPIRE', key.events(id), 3600)
    local url = redis.call('HGET', key.job(id), 'notify')
    if url then
      redis.call('HSET', key.notice(id), 'url', url)
      redis.call('ZADD', key.notices, now(), id)
    end
  end
end

-- Put a job into the indexes of what never changes: a list of names as JSON.
local function index_facets(id, facets)
  local sequence = redis.call('ZSCORE', key.jobs, id)
  for _, name in ipairs(cjson.decode(facets)) do redis.call('ZADD', key.index(name), sequence, id) end
  redis.call('HSET', key.job(id), 'facets', facets)
end

-- Remove everything about a job but its place in a group.
local function erase(id)
  local facets = redis.call('HGET', key.job(id), 'facets') or '[]'
  displace(id)
  for _, name in ipairs(cjson.decode(facets)) do redis.call('ZREM', key.index(name), id) end
  redis.call('DEL', key.job(id))
  redis.call('DEL', key.events(id))
  redis.call('DEL', key.log(id))
  redis.call('DEL', key.epochs(id))
  redis.call('ZREM', key.jobs, id)
end

-- Do not tell an address of the end of a job any more.
local function drop_notice(id)
  redis.call('ZREM', key.notices, id)
  redis.call('DEL', key.notice(id))
end

-- Take a job out of its group; the group goes with the last of its jobs.
local function leave_group(id, group)
  redis.call('LREM', key.group_jobs(group), 1, id)
  if redis.call('EXISTS', key.group_jobs(group)) == 0 then
    redis.call('DEL', key.group(group))
    redis.call('ZREM', key.groups, group)
  end
end

-- What an owner has in the queue: the number of jobs, and the seconds that those are expected to take that wait.
local function in_queue(owner)
  local waiting_s, running = 0, redis.call('ZCARD', key.index('state=running,owner=' .. owner))
  local waiting = redis.call('ZRANGE', key.queue(owner), 0, -1)
  for _, id in ipairs(waiting) do waiting_s = waiting_s + corrected_s(redis.call('HGET', key.job(id), 'estimated_s')) end
  return #waiting + running, waiting_s
end

-- What an owner has in the queue, if that and more jobs are beyond the limits, each of which may be '' for none:
-- {jobs, seconds of those that wait, seconds of a training}; else nil. `new` are the fields of the new jobs (JSON).
local function beyond_allowance(owner, new, most_jobs, most_waiting_s)
  if most_jobs == '' and most_waiting_s == '' then return nil end
  local jobs, waiting_s = in_queue(owner)
  local new_s = 0
  for _, fields in ipairs(new) do new_s = new_s + corrected_s(cjson.decode(fields).estimated_s) end
  local is_beyond = most_jobs ~= '' and jobs + #new > tonumber(most_jobs)
    or most_waiting_s ~= '' and waiting_s + new_s > tonumber(most_waiting_s)
  return is_beyond and {jobs, tostring(waiting_s), tostring(expected_s())} or nil
end

-- Write a new job as queued. `fields` are names and values of its hash that are its own; `facets` are JSON.
local function enqueue(id, request, fields, facets)
  local sequence = redis.call('INCR', key.sequence)
  redis.call('HSET', key.job(id), 'id', id, 'state', 'queued', 'request', request, 'created_at', now(), 'attempt', 0,
             'queued_at', now())
  for name, value in pairs(cjson.decode(fields)) do redis.call('HSET', key.job(id), name, value) end
  redis.call('ZADD', key.jobs, sequence, id)
  redis.call('ZADD', key.queued, sequence, id)
  index_facets(id, facets)
  place(id, 'queued')
  emit(id, 'state', 'queued')
end
