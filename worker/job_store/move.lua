-- move: end a claim by moving its job to another state.
--
-- The job enters another state than the one asked for when one of the `REDIRECTIONS` applies.
--
-- ARGV[1]  id of the job
-- ARGV[2]  fence of the claim
-- ARGV[3]  target state
-- ARGV[4]  half-life of the worker time that owners have used, in seconds
-- ARGV[5…] names and values of fields to write, unless the move is redirected
-- Answers  the state the job is in now, or '' when the claim is lost or the move is not legal
-- Touches  job events feed jobs queued running waits wide index queue waiting usage pace correction notices notice

local id, target = ARGV[1], ARGV[3]
if not holds(id, ARGV[2]) or not is_legal('running', target) then return '' end

local state = redirected(id, target)
if state == target then
  for i = 5, #ARGV, 2 do redis.call('HSET', key.job(id), ARGV[i], ARGV[i + 1]) end
end
enter(id, state, tonumber(ARGV[4]))
return state
