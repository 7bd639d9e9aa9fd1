-- take_notices: find the addresses that are to be told of the end of a job now, and keep others from telling them, too.
--
-- ARGV[1]  most notices to take
-- ARGV[2]  seconds after which a notice that was neither delivered nor put off is taken again
-- Answers  of each notice: id of the job, address, how often it was taken
-- Touches  notices notice

local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key.notices, '-inf', now(), 'LIMIT', 0, tonumber(ARGV[1]))) do
  local url = redis.call('HGET', key.notice(id), 'url')
  if url then
    redis.call('ZADD', key.notices, now() + tonumber(ARGV[2]), id)
    table.insert(found, {id, url, redis.call('HINCRBY', key.notice(id), 'tries', 1)})
  else
    redis.call('ZREM', key.notices, id)
  end
end
return found
