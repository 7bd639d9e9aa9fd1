-- take_watch: become, or stay, the one process that looks after lost jobs.
--
-- ARGV[1]  name of the process
-- ARGV[2]  seconds after which another process may take over, unless this one asks again
-- Answers  1, or 0 while another process is on watch
-- Touches  watch

local holder = redis.call('GET', key.watch)
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', key.watch, ARGV[1], 'EX', ARGV[2])
return 1
