-- forget: remove a finished job; its group goes with the last of its jobs.
--
-- ARGV[1]  id of the job
-- Answers  {the state found or 'missing', 1 if the job was removed}
-- Touches  job events log epochs jobs waits index queue waiting group group_jobs groups

local id = ARGV[1]
local found = redis.call('HMGET', key.job(id), 'state', 'group', 'facets')
local state, group = found[1], found[2]
if not state then return {'missing', 0} end
if not is_finished(state) then return {state, 0} end

displace(id)
for _, name in ipairs(cjson.decode(found[3] or '[]')) do redis.call('ZREM', key.index(name), id) end
redis.call('DEL', key.job(id))
redis.call('DEL', key.events(id))
redis.call('DEL', key.log(id))
redis.call('DEL', key.epochs(id))
redis.call('ZREM', key.jobs, id)
if group then
  redis.call('LREM', key.group_jobs(group), 1, id)
  if redis.call('EXISTS', key.group_jobs(group)) == 0 then
    redis.call('DEL', key.group(group))
    redis.call('ZREM', key.groups, group)
  end
end
return {state, 1}
