-- announce: note that a worker lives, how much memory it allows a trainer, and what it says about itself.
--
-- ARGV[1]  name of the worker
-- ARGV[2]  bytes
-- ARGV[3]  seconds for which the announcement holds
-- ARGV[4]  further facts (JSON)
-- Answers  nothing
-- Touches  workers worker_facts

redis.call('HSET', key.workers, ARGV[1], string.format('%.0f %s', now() + tonumber(ARGV[3]), ARGV[2]))
redis.call('HSET', key.worker_facts, ARGV[1], ARGV[4])
