-- expired: find the running jobs whose lease has ended.
--
-- Answers  ids of the jobs
-- Touches  running

return redis.call('ZRANGEBYSCORE', key.running, '-inf', '(' .. now())
