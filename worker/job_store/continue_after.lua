-- continue_after: let new jobs have higher numbers than all jobs of the ledger, which may be older than this server.
--
-- ARGV[1]  the highest number of a job in the ledger
-- Answers  nothing
-- Touches  sequence

if tonumber(redis.call('GET', key.sequence) or 0) < tonumber(ARGV[1]) then redis.call('SET', key.sequence, ARGV[1]) end
