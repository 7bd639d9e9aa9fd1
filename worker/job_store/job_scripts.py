"""The Lua scripts that change job records: each is one atomic step on the server.

Keys live under one prefix: `job:<id>` (hash), `job:<id>:events` (stream), `job:<id>:log` (list), the sorted sets
`jobs` (all, by submission) and `queued`, and the counters `sequence` and `fences`. Jobs that came from one grid share
a group, see `worker.job_store.group_scripts`. Which moves are legal comes in as arguments from the one table in
`worker.jobs.states`. Time is the server's, so that machines with differing clocks agree on leases.
"""

PRELUDE = """
local prefix = KEYS[1]
local function job_key(id) return prefix .. 'job:' .. id end
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local function listed(item, comma_separated)
  return string.find(',' .. comma_separated .. ',', ',' .. item .. ',', 1, true) ~= nil
end
local function emit(id, event, data)
  redis.call('XADD', job_key(id) .. ':events', 'MAXLEN', '~', '4000', '*', 'event', event, 'data', data)
end
local function holds(id, fence)
  return redis.call('HGET', job_key(id), 'state') == 'running'
     and redis.call('HGET', job_key(id), 'fence') == fence
end
local function enqueue(id, request, request_id, traceparent)
  local sequence = redis.call('INCR', prefix .. 'sequence')
  redis.call('HSET', job_key(id), 'id', id, 'state', 'queued', 'request', request, 'created_at', now(), 'attempt', 0,
             'queued_at', now())
  if request_id ~= '' then redis.call('HSET', job_key(id), 'submitted_by', request_id) end
  if traceparent ~= '' then redis.call('HSET', job_key(id), 'traceparent', traceparent) end
  redis.call('ZADD', prefix .. 'jobs', sequence, id)
  redis.call('ZADD', prefix .. 'queued', sequence, id)
  emit(id, 'state', 'queued')
end
"""

SUBMIT = (
    PRELUDE
    + """
-- ARGV: id, request, idempotency key or '', digest of the request, seconds the key is kept, then of whoever submits:
-- request id, traceparent
local id, request, idem, digest, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if idem ~= '' then
  local known = redis.call('HMGET', prefix .. 'idempotency:' .. idem, 'job', 'digest')
  if known[1] and redis.call('EXISTS', job_key(known[1])) == 1 then return {'known', known[1], known[2]} end
  redis.call('HSET', prefix .. 'idempotency:' .. idem, 'job', id, 'digest', digest)
  redis.call('EXPIRE', prefix .. 'idempotency:' .. idem, keep)
end
-- A submission whose answer was lost comes again, and must not put back a job that runs by now
if redis.call('EXISTS', job_key(id)) == 0 then enqueue(id, request, ARGV[6], ARGV[7]) end
return {'new', id, digest}
"""
)

CLAIM = (
    PRELUDE
    + """
-- ARGV: id, states a job may be claimed in, lease in seconds, name of the claimant. A claimant that asks again has not
-- heard the answer, and gets it once more
local id = ARGV[1]
local found = redis.call('HMGET', job_key(id), 'state', 'claimant')
if not (found[1] == 'running' and found[2] == ARGV[4]) then
  if not found[1] or not listed(found[1], ARGV[2]) then return false end
  redis.call('HSET', job_key(id), 'fence', redis.call('INCR', prefix .. 'fences'))
  redis.call('HINCRBY', job_key(id), 'attempt', 1)
  redis.call('HDEL', job_key(id), 'progress', 'history', 'error')
  redis.call('HSET', job_key(id), 'state', 'running', 'claimant', ARGV[4], 'started_at', now(),
             'lease_until', now() + tonumber(ARGV[3]))
  redis.call('ZREM', prefix .. 'queued', id)
  redis.call('ZADD', prefix .. 'running', now() + tonumber(ARGV[3]), id)
  emit(id, 'state', 'running')
end
local known = redis.call('HMGET', job_key(id), 'request', 'attempt', 'fence', 'submitted_by', 'traceparent', 'draft')
return {known[1], known[2], known[3], known[4] or '', known[5] or '', known[6] or ''}
"""
)

HEARTBEAT = (
    PRELUDE
    + """
-- ARGV: id, fence, lease in seconds, progress, history, event or ''. Answers {held, cancellation asked for}
local id = ARGV[1]
if not holds(id, ARGV[2]) then return {0, 0} end
local lease_until = now() + tonumber(ARGV[3])
redis.call('HSET', job_key(id), 'lease_until', lease_until, 'progress', ARGV[4], 'history', ARGV[5])
redis.call('ZADD', prefix .. 'running', lease_until, id)
if ARGV[6] == 'epoch' then emit(id, 'epoch', ARGV[5]) end
if ARGV[6] ~= '' then emit(id, 'progress', ARGV[4]) end
return {1, redis.call('HEXISTS', job_key(id), 'cancel_requested')}
"""
)

BEGIN_COMMIT = (
    PRELUDE
    + """
-- ARGV: id, fence, number of the version. From here on the job ends with its model published; a cancellation that
-- comes later is too late. The number outlives this claim: the next one must find out whether the version was published
local id = ARGV[1]
if not holds(id, ARGV[2]) or redis.call('HEXISTS', job_key(id), 'cancel_requested') == 1 then return 0 end
redis.call('HSET', job_key(id), 'draft', ARGV[3])
return 1
"""
)

END_COMMIT = (
    PRELUDE
    + """
-- ARGV: id, fence. The version that was about to be published is not, and never will be
local id = ARGV[1]
if not holds(id, ARGV[2]) then return 0 end
redis.call('HDEL', job_key(id), 'draft')
return 1
"""
)

MOVE = (
    PRELUDE
    + """
-- ARGV: id, target, states it may come from, fence or '', then fields and values that go with the target. Answers the
-- state found before
local id, target = ARGV[1], ARGV[2]
local state = redis.call('HGET', job_key(id), 'state')
if not state then return {'missing', 0} end
if not listed(state, ARGV[3]) or (ARGV[4] ~= '' and not holds(id, ARGV[4])) then return {state, 0} end
-- A job that may have published fails only when somebody has looked, and one that is to be cancelled does not go on
if target == 'failed' and redis.call('HEXISTS', job_key(id), 'draft') == 1 then target = 'queued' end
if target == 'queued' and redis.call('HEXISTS', job_key(id), 'cancel_requested') == 1 then target = 'cancelled' end
if target == ARGV[2] then
  for i = 5, #ARGV, 2 do redis.call('HSET', job_key(id), ARGV[i], ARGV[i + 1]) end
end
redis.call('HSET', job_key(id), 'state', target)
redis.call('ZREM', prefix .. 'queued', id)
redis.call('ZREM', prefix .. 'running', id)
if target == 'queued' then
  redis.call('ZADD', prefix .. 'queued', redis.call('ZSCORE', prefix .. 'jobs', id), id)
  redis.call('HSET', job_key(id), 'queued_at', now())
else
  redis.call('HSET', job_key(id), 'finished_at', now())
end
emit(id, 'state', target)
return {state, 1}
"""
)

ASK_TO_CANCEL = (
    PRELUDE
    + """
-- ARGV: id. For a running job: leaves a note for its worker. Answers {state, noted}
local id = ARGV[1]
local state = redis.call('HGET', job_key(id), 'state')
if not state then return {'missing', 0} end
if state ~= 'running' or redis.call('HEXISTS', job_key(id), 'draft') == 1 then return {state, 0} end
redis.call('HSET', job_key(id), 'cancel_requested', 1)
return {state, 1}
"""
)

TAKE_WATCH = (
    PRELUDE
    + """
-- ARGV: name, seconds. One at a time looks after the jobs of the lost; the watch passes on when its holder falls silent
local holder = redis.call('GET', prefix .. 'watch')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', prefix .. 'watch', ARGV[1], 'EX', ARGV[2])
return 1
"""
)

EXPIRED = (
    PRELUDE
    + """
-- Ids of running jobs whose lease has run out
return redis.call('ZRANGEBYSCORE', prefix .. 'running', '-inf', '(' .. now())
"""
)

OVERVIEW = (
    PRELUDE
    + """
-- Answers {how many jobs are in each state (name, number, …), how many wait, seconds the one that has waited longest
-- has waited, progress of each running job}
local counts, flat, waited_s, running = {}, {}, 0, {}
for _, id in ipairs(redis.call('ZRANGE', prefix .. 'jobs', 0, -1)) do
  local state = redis.call('HGET', job_key(id), 'state')
  if state then counts[state] = (counts[state] or 0) + 1 end
end
for state, count in pairs(counts) do
  table.insert(flat, state)
  table.insert(flat, count)
end
local queued = redis.call('ZRANGE', prefix .. 'queued', 0, -1)
for _, id in ipairs(queued) do
  local since = redis.call('HGET', job_key(id), 'queued_at') or redis.call('HGET', job_key(id), 'created_at')
  if since then waited_s = math.max(waited_s, now() - tonumber(since)) end
end
for _, id in ipairs(redis.call('ZRANGE', prefix .. 'running', 0, -1)) do
  table.insert(running, redis.call('HGET', job_key(id), 'progress') or '{}')
end
return {flat, #queued, tostring(waited_s), running}
"""
)

FORGET = (
    PRELUDE
    + """
-- ARGV: id, states in which a job may be forgotten. Answers the state found
local id = ARGV[1]
local state = redis.call('HGET', job_key(id), 'state')
if not state then return 'missing' end
if not listed(state, ARGV[2]) then return state end
local group = redis.call('HGET', job_key(id), 'group')
redis.call('DEL', job_key(id), job_key(id) .. ':events', job_key(id) .. ':log')
redis.call('ZREM', prefix .. 'jobs', id)
if group then
  redis.call('LREM', prefix .. 'group:' .. group .. ':jobs', 1, id)
  if redis.call('EXISTS', prefix .. 'group:' .. group .. ':jobs') == 0 then
    redis.call('DEL', prefix .. 'group:' .. group)
    redis.call('ZREM', prefix .. 'groups', group)
  end
end
return state
"""
)
