-- finish: ask the worker of a running job to end the training now and to publish what it has.
--
-- A job that has ended, that may have published already, or that was asked before, stays as it is.
--
-- ARGV[1]  id of the job
-- Answers  {the state found or 'missing', 1 if at least one epoch has ended}
-- Touches  job epochs

local id = ARGV[1]
local state = redis.call('HGET', key.job(id), 'state')
if not state then return {'missing', 0} end

local has_epochs = redis.call('EXISTS', key.epochs(id)) == 1
if state == 'running' and has_epochs and redis.call('HEXISTS', key.job(id), 'draft') == 0 then
  redis.call('HSET', key.job(id), 'finish_requested', 1)
end
return {state, has_epochs and 1 or 0}
