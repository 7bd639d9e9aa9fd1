-- forget: remove a finished job; its group goes with the last of its jobs.
--
-- ARGV[1]  id of the job
-- Answers  {the state found or 'missing', 1 if the job was removed}
-- Touches  job events log jobs group group_jobs groups

local id = ARGV[1]
local state = redis.call('HGET', key.job(id), 'state')
if not state then return {'missing', 0} end
if not is_finished(state) then return {state, 0} end

local group = redis.call('HGET', key.job(id), 'group')
redis.call('DEL', key.job(id))
redis.call('DEL', key.events(id))
redis.call('DEL', key.log(id))
redis.call('ZREM', key.jobs, id)
if group then
  redis.call('LREM', key.group_jobs(group), 1, id)
  if redis.call('EXISTS', key.group_jobs(group)) == 0 then
    redis.call('DEL', key.group(group))
    redis.call('ZREM', key.groups, group)
  end
end
return {state, 1}
