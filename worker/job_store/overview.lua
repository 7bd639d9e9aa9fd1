-- overview: say how many jobs there are, from the sizes of the indexes.
--
-- Answers  {name of a state and number of its jobs for each state, how many wait, seconds for which the one that waits
--          longest has waited, progress (JSON) of each running job}
-- Touches  job queued running waits index

local flat, waited_s, running = {}, 0, {}

for state, _ in pairs(LEGAL_MOVES) do
  table.insert(flat, state)
  table.insert(flat, redis.call('ZCARD', key.index('state=' .. state)))
end

local longest = redis.call('ZRANGE', key.waits, 0, 0)[1]
if longest then
  local since = redis.call('HGET', key.job(longest), 'queued_at') or redis.call('HGET', key.job(longest), 'created_at')
  if since then waited_s = math.max(0, now() - tonumber(since)) end
end

for _, id in ipairs(redis.call('ZRANGE', key.running, 0, -1)) do
  table.insert(running, redis.call('HGET', key.job(id), 'progress') or '{}')
end
return {flat, redis.call('ZCARD', key.queued), tostring(waited_s), running}
