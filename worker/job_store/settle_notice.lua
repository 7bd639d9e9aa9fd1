-- settle_notice: forget a notice that was delivered or given up, or put it off.
--
-- ARGV[1]  id of the job
-- ARGV[2]  seconds until it is tried again, or '' to forget it
-- Answers  nothing
-- Touches  notices notice

if ARGV[2] == '' then
  drop_notice(ARGV[1])
elseif redis.call('EXISTS', key.notice(ARGV[1])) == 1 then
  redis.call('ZADD', key.notices, now() + tonumber(ARGV[2]), ARGV[1])
end
