-- places: say where queued jobs stand in the order in which `claim` will take them, and when they will start.
--
-- An owner's next job is due when the owner has used as much as the others; every job before it counts as much as a
-- training is expected to take. So a job's due point is what its owner has used, plus that for each of the owner's own
-- jobs before it, and jobs start in the order of their due points.
--
-- ARGV[1]  half-life of the worker time that owners have used, in seconds
-- ARGV[2…] ids of the jobs
-- Answers  of each job: {position, from 1, or 0 when it does not wait; seconds until it starts, or '' when no worker is
--          known}
-- Touches  job jobs running queue waiting usage pace workers

local half_life_s, each_s = tonumber(ARGV[1]), math.max(expected_s(), 1e-3)

local owners = {}
for _, owner in ipairs(redis.call('ZRANGE', key.waiting, 0, -1)) do
  owners[owner] = {used_s(owner, half_life_s), redis.call('ZCARD', key.queue(owner))}
end

local function sequence_of(id)
  return tonumber(redis.call('ZSCORE', key.jobs, id) or 0)
end

-- How many of another owner's jobs start before a due point.
local function n_before(owner, entry, due, sequence)
  local turns = (due - entry[1]) / each_s
  local whole = math.floor(turns + 0.5)
  if math.abs(turns - whole) > 1e-4 then return math.max(0, math.min(entry[2], math.ceil(turns))) end
  if whole < 0 then return 0 end
  if whole >= entry[2] then return entry[2] end
  local rival = redis.call('ZRANGE', key.queue(owner), whole, whole)[1]
  return whole + (rival and sequence_of(rival) < sequence and 1 or 0)
end

local function position_of(id)
  local owner = redis.call('HGET', key.job(id), 'owner') or 'local'
  local rank = redis.call('ZRANK', key.queue(owner), id)
  if not rank or not owners[owner] then return 0 end
  local due, sequence, position = owners[owner][1] + rank * each_s, sequence_of(id), rank + 1
  for rival, entry in pairs(owners) do
    if rival ~= owner then position = position + n_before(rival, entry, due, sequence) end
  end
  return position
end

local SIMULATED = 500

-- When the workers that are known will be free, in seconds from now; idle ones are free now.
local function free_times()
  local free, n_workers = {}, 0
  for _, id in ipairs(redis.call('ZRANGE', key.running, 0, -1)) do
    local job = redis.call('HMGET', key.job(id), 'progress', 'started_at')
    local said = string.match(job[1] or '', '"eta_s":([%d.eE+-]+)')
    table.insert(free, tonumber(said) or math.max(0, each_s - (now() - tonumber(job[2] or now()))))
  end
  for _, announced in ipairs(redis.call('HVALS', key.workers)) do
    if tonumber(string.match(announced, '^(%d+)') or 0) >= now() then n_workers = n_workers + 1 end
  end
  while #free < n_workers do table.insert(free, 0) end
  return free
end

-- When the job at each position starts: the worker that is free first takes it. Far positions are extrapolated.
local function start_times(most)
  local free, starts = free_times(), {}
  for position = 1, #free > 0 and math.min(most, SIMULATED) or 0 do
    local first = 1
    for i = 2, #free do if free[i] < free[first] then first = i end end
    starts[position] = free[first]
    free[first] = free[first] + each_s
  end
  return starts, #free
end

local positions, last = {}, 0
for i = 2, #ARGV do
  positions[i] = position_of(ARGV[i])
  last = math.max(last, positions[i])
end
local starts, n_workers = start_times(last)
local answers = {}
for i = 2, #ARGV do
  local position, eta_s = positions[i], ''
  if position > 0 and n_workers > 0 then
    local beyond = math.max(0, position - SIMULATED)
    eta_s = string.format('%.1f', starts[position - beyond] + beyond * each_s / n_workers)
  end
  table.insert(answers, {position, eta_s})
end
return answers
