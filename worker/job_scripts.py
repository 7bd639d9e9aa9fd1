"""The Lua scripts that change job records: each is one atomic step on the server.

Keys live under one prefix: `job:<id>` (hash), `job:<id>:events` (stream), `job:<id>:log` (list), the sorted sets
`jobs` (all, by submission) and `queued`, and the counters `sequence` and `fences`. States come in as arguments from
the one table in `worker.states`; the scripts hold no rules of their own. Time is the server's, so that machines with
differing clocks agree on leases.
"""

_PRELUDE = """
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
"""

SUBMIT = (
    _PRELUDE
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
local sequence = redis.call('INCR', prefix .. 'sequence')
redis.call('HSET', job_key(id), 'id', id, 'state', 'queued', 'request', request, 'created_at', now(), 'attempt', 0,
           'queued_at', now())
if ARGV[6] ~= '' then redis.call('HSET', job_key(id), 'submitted_by', ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', job_key(id), 'traceparent', ARGV[7]) end
redis.call('ZADD', prefix .. 'jobs', sequence, id)
redis.call('ZADD', prefix .. 'queued', sequence, id)
emit(id, 'state', 'queued')
return {'new', id, digest}
"""
)

CLAIM = (
    _PRELUDE
    + """
-- ARGV: id, states a job may be claimed in, lease in seconds
local id = ARGV[1]
local state = redis.call('HGET', job_key(id), 'state')
if not state or not listed(state, ARGV[2]) then return false end
local fence = redis.call('INCR', prefix .. 'fences')
local attempt = redis.call('HINCRBY', job_key(id), 'attempt', 1)
redis.call('HDEL', job_key(id), 'progress', 'history', 'error', 'committing')
redis.call('HSET', job_key(id), 'state', 'running', 'fence', fence, 'started_at', now(),
           'lease_until', now() + tonumber(ARGV[3]))
redis.call('ZREM', prefix .. 'queued', id)
redis.call('ZADD', prefix .. 'running', now() + tonumber(ARGV[3]), id)
emit(id, 'state', 'running')
local known = redis.call('HMGET', job_key(id), 'request', 'submitted_by', 'traceparent')
return {known[1], attempt, fence, known[2] or '', known[3] or ''}
"""
)

HEARTBEAT = (
    _PRELUDE
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
    _PRELUDE
    + """
-- ARGV: id, fence. From here on the job ends with its model published; a cancellation that comes later is too late
local id = ARGV[1]
if not holds(id, ARGV[2]) or redis.call('HEXISTS', job_key(id), 'cancel_requested') == 1 then return 0 end
redis.call('HSET', job_key(id), 'committing', 1)
return 1
"""
)

MOVE = (
    _PRELUDE
    + """
-- ARGV: id, target, states it may come from, fence or '', then fields and values. Answers the state found before
local id, target = ARGV[1], ARGV[2]
local state = redis.call('HGET', job_key(id), 'state')
if not state then return {'missing', 0} end
if not listed(state, ARGV[3]) or (ARGV[4] ~= '' and not holds(id, ARGV[4])) then return {state, 0} end
redis.call('HSET', job_key(id), 'state', target)
for i = 5, #ARGV, 2 do redis.call('HSET', job_key(id), ARGV[i], ARGV[i + 1]) end
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
    _PRELUDE
    + """
-- ARGV: id. For a running job: leaves a note for its worker. Answers {state, noted}
local id = ARGV[1]
local state = redis.call('HGET', job_key(id), 'state')
if not state then return {'missing', 0} end
if state ~= 'running' or redis.call('HEXISTS', job_key(id), 'committing') == 1 then return {state, 0} end
redis.call('HSET', job_key(id), 'cancel_requested', 1)
return {state, 1}
"""
)

EXPIRED = (
    _PRELUDE
    + """
-- Ids of running jobs whose lease has run out
return redis.call('ZRANGEBYSCORE', prefix .. 'running', '-inf', '(' .. now())
"""
)

OVERVIEW = (
    _PRELUDE
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
    _PRELUDE
    + """
-- ARGV: id, states in which a job may be forgotten. Answers the state found
local id = ARGV[1]
local state = redis.call('HGET', job_key(id), 'state')
if not state then return 'missing' end
if not listed(state, ARGV[2]) then return state end
redis.call('DEL', job_key(id), job_key(id) .. ':events', job_key(id) .. ':log')
redis.call('ZREM', prefix .. 'jobs', id)
return state
"""
)
