-- strays: find jobs whose records are not in line with the indexes, because an earlier version wrote or moved them.
--
-- Answers  ids of the jobs
-- Touches  job jobs index

local ids = {}

local function note(candidates)
  for _, id in ipairs(candidates) do ids[id] = true end
end

note(redis.call('ZRANGE', key.jobs, 0, -1))
for state, _ in pairs(LEGAL_MOVES) do note(redis.call('ZRANGE', key.index('state=' .. state), 0, -1)) end

local found = {}
for id, _ in pairs(ids) do
  local job = redis.call('HMGET', key.job(id), 'state', 'indexed', 'facets')
  if not job[1] or job[1] ~= job[2] or not job[3] then table.insert(found, id) end
end
return found
