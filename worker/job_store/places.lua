-- places: say where queued jobs stand in the order in which `claim` will take them, and when they will start.
--
-- An owner's next job is due when the owner has used as much as the others; every job before it counts as much as a
-- training is expected to take. So a job's due point is what its owner has used, plus that for each of the owner's own
-- jobs before it, and jobs start in the order of their due points.
--
-- ARGV[1]  half-life of the worker time that owners have used, in seconds
-- ARGV[2…] ids of the jobs
-- Answers  of each job: {position, from 1, or 0 when it does not wait; seconds until it starts, or '' when no worker
--          is known that has the devices it needs}
-- Touches  job jobs running queue waiting wide usage pace workers worker_facts

local half_life_s, each_s = tonumber(ARGV[1]), math.max(expected_s(), 1e-3)

local owners = {}
for _, owner in ipairs(redis.call('ZRANGE', key.waiting, 0, -1)) do
  owners[owner] = {used_s(owner, half_life_s), redis.call('ZCARD', key.queue(owner))}
end

local function sequence_of(id)
  return tonumber(redis.call('ZSCORE', key.jobs, id) or 0)
end

-- Number in `sequence` of the job with this rank, from 0, in an owner's queue. Its score there holds it. A page of 50
-- jobs of 40 owners asks for 2,000; reading a span of ranks at once takes longer than a call for each.
local function sequence_at(owner, rank)
  local score = redis.call('ZRANGE', key.queue(owner), rank, rank, 'WITHSCORES')[2]
  return score and tonumber(score) % 1e12
end

-- How many of another owner's jobs start before a due point.
local function n_before(owner, entry, due, sequence)
  local turns = (due - entry[1]) / each_s
  local whole = math.floor(turns + 0.5)
  if math.abs(turns - whole) > 1e-4 then return math.max(0, math.min(entry[2], math.ceil(turns))) end
  if whole < 0 then return 0 end
  if whole >= entry[2] then return entry[2] end
  local rival = sequence_at(owner, whole)
  return whole + (rival and rival < sequence and 1 or 0)
end

-- A job's position, and the devices it needs.
local function place_of(id)
  local job = redis.call('HMGET', key.job(id), 'owner', 'devices')
  local owner, devices = job[1] or 'local', tonumber(job[2] or 1)
  local rank = redis.call('ZRANK', key.queue(owner), id)
  if not rank or not owners[owner] then return 0, devices end
  local due, sequence, position = owners[owner][1] + rank * each_s, sequence_of(id), rank + 1
  for rival, entry in pairs(owners) do
    if rival ~= owner then position = position + n_before(rival, entry, due, sequence) end
  end
  return position, devices
end

local SIMULATED = 500
-- Jobs for several devices whose places are looked up because they may wait before a job that was asked about.
local WIDE_JOBS = 50

-- How many devices a worker has said it has; 1 where nothing is known.
local function devices_of(worker)
  return tonumber(string.match(redis.call('HGET', key.worker_facts, worker) or '', '"devices":(%d+)') or 1)
end

-- The workers that are known: when each will be free, in seconds from now, and its devices. Idle ones are free now.
-- Devices are read only if a job needs several, because every worker's facts cost a look.
local function known_workers(is_wide)
  local found, busy, n_alive, idle = {}, {}, 0, {}
  for _, id in ipairs(redis.call('ZRANGE', key.running, 0, -1)) do
    local job = redis.call('HMGET', key.job(id), 'progress', 'started_at', 'claimant')
    local said = string.match(job[1] or '', '"eta_s":([%d.eE+-]+)')
    local worker = string.match(job[3] or '', '^(.-)/') or ''
    local free_at = tonumber(said) or math.max(0, each_s - (now() - tonumber(job[2] or now())))
    busy[worker] = true
    table.insert(found, {free_at = free_at, devices = is_wide and devices_of(worker) or 1})
  end
  local announced = redis.call('HGETALL', key.workers)
  for i = 1, #announced, 2 do
    if tonumber(string.match(announced[i + 1], '^(%d+)') or 0) >= now() then
      n_alive = n_alive + 1
      if not busy[announced[i]] then table.insert(idle, announced[i]) end
    end
  end
  for _, worker in ipairs(idle) do
    if #found >= n_alive then break end
    table.insert(found, {free_at = 0, devices = is_wide and devices_of(worker) or 1})
  end
  return found
end

-- Put the first worker of a heap where it belongs: no worker is free later than those at twice its place and one further.
local function sink(heap)
  local at, value = 1, heap[1]
  while 2 * at <= #heap do
    local child = 2 * at
    if child < #heap and heap[child + 1].free_at < heap[child].free_at then child = child + 1 end
    if heap[child].free_at >= value.free_at then break end
    heap[at], at = heap[child], child
  end
  heap[at] = value
end

-- The worker that is free first of those with enough devices, or nil.
local function first_free(workers, devices)
  local first
  for _, worker in ipairs(workers) do
    if worker.devices >= devices and (not first or worker.free_at < first.free_at) then first = worker end
  end
  return first
end

-- When the job at each position starts: the first worker that is free and has the devices takes it. One device is
-- assumed of jobs that were not looked up. Far positions are extrapolated.
local function start_times(workers, most, needed, is_wide)
  local starts = {}
  if not is_wide then  -- what is in order is a heap
    table.sort(workers, function(a, b) return a.free_at < b.free_at end)
  end
  for position = 1, #workers > 0 and math.min(most, SIMULATED) or 0 do
    local worker = workers[1]
    if is_wide then worker = first_free(workers, needed[position] or 1) end
    if worker then
      starts[position] = worker.free_at
      worker.free_at = worker.free_at + each_s
    end
    if not is_wide then sink(workers) end
  end
  return starts
end

local positions, needed, last, is_wide = {}, {}, 0, false
for i = 2, #ARGV do
  local position, devices = place_of(ARGV[i])
  positions[i], needed[position] = position, devices
  last, is_wide = math.max(last, position), is_wide or devices > 1
end
for _, id in ipairs(last > 1 and redis.call('ZRANGE', key.wide, 0, WIDE_JOBS - 1) or {}) do
  local position, devices = place_of(id)
  if position < last then needed[position], is_wide = devices, true end
end
local workers = known_workers(is_wide)
local starts = start_times(workers, last, needed, is_wide)
local answers = {}
for i = 2, #ARGV do
  local position, eta_s = positions[i], ''
  local beyond = math.max(0, position - SIMULATED)
  local start = starts[position - beyond]
  if position > 0 and start and (not is_wide or first_free(workers, needed[position])) then
    eta_s = string.format('%.1f', start + beyond * each_s / #workers)
  end
  table.insert(answers, {position, eta_s})
end
return answers
