-- forget: remove a finished job; its group goes with the last of its jobs.
--
-- ARGV[1]  id of the job
-- Answers  {the state found or 'missing', 1 if the job was removed}
-- Touches  job events feed log epochs jobs waits wide index queue waiting group group_jobs groups notices notice

local id = ARGV[1]
local found = redis.call('HMGET', key.job(id), 'state', 'group')
local state, group = found[1], found[2]
if not state then return {'missing', 0} end
if not is_finished(state) then return {state, 0} end

erase(id)
drop_notice(id)
emit_to_feed(id, 'deleted', '')
if group then leave_group(id, group) end
return {state, 1}
