-- end_commit: note that the version which an earlier claim was about to publish was not published and never will be.
--
-- ARGV[1]  id of the job
-- ARGV[2]  fence of the claim
-- Answers  1, or 0 when the claim is lost
-- Touches  job

local id = ARGV[1]
if not holds(id, ARGV[2]) then return 0 end
redis.call('HDEL', key.job(id), 'draft')
return 1
