-- cancel: end a queued job at once, and leave a mark for the worker of a running one.
--
-- A job that may have published its version, and one that has ended, stay as they are.
--
-- ARGV[1]  id of the job
-- Answers  the state found, or 'missing'
-- Touches  job events feed jobs queued running waits wide index queue waiting usage pace correction notices notice

local id = ARGV[1]
local state = redis.call('HGET', key.job(id), 'state')
if not state then return 'missing' end

if state == 'running' then
  if redis.call('HEXISTS', key.job(id), 'draft') == 0 then redis.call('HSET', key.job(id), 'cancel_requested', 1) end
elseif is_legal(state, 'cancelled') then
  enter(id, 'cancelled')
end
return state
