-- overview: count all jobs at one moment.
--
-- Answers  {name of a state and number of its jobs for each state that has jobs, how many wait, seconds for which the
--          one that waits longest has waited, progress (JSON) of each running job}
-- Touches  job jobs queued running

local counts, flat, waited_s, running = {}, {}, 0, {}

for _, id in ipairs(redis.call('ZRANGE', key.jobs, 0, -1)) do
  local state = redis.call('HGET', key.job(id), 'state')
  if state then counts[state] = (counts[state] or 0) + 1 end
end
for state, count in pairs(counts) do
  table.insert(flat, state)
  table.insert(flat, count)
end

local queued = redis.call('ZRANGE', key.queued, 0, -1)
for _, id in ipairs(queued) do
  local since = redis.call('HGET', key.job(id), 'queued_at') or redis.call('HGET', key.job(id), 'created_at')
  if since then waited_s = math.max(waited_s, now() - tonumber(since)) end
end

for _, id in ipairs(redis.call('ZRANGE', key.running, 0, -1)) do
  table.insert(running, redis.call('HGET', key.job(id), 'progress') or '{}')
end
return {flat, #queued, tostring(waited_s), running}
