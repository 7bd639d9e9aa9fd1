-- announce: note that a worker lives and how much memory it allows a trainer.
--
-- ARGV[1]  name of the worker
-- ARGV[2]  bytes
-- ARGV[3]  seconds for which the announcement holds
-- Answers  nothing
-- Touches  workers

redis.call('HSET', key.workers, ARGV[1], string.format('%.0f %s', now() + tonumber(ARGV[3]), ARGV[2]))
