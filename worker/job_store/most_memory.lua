-- most_memory: find the most memory that a living worker allows a trainer; remove workers that are gone.
--
-- Answers  bytes, or nil when no worker is known
-- Touches  workers worker_facts

local most = nil
local announced = redis.call('HGETALL', key.workers)
for i = 1, #announced, 2 do
  local expires, bytes = string.match(announced[i + 1], '^(%d+) (%d+)$')
  if tonumber(expires) < now() then
    redis.call('HDEL', key.workers, announced[i])
    redis.call('HDEL', key.worker_facts, announced[i])
  elseif not most or tonumber(bytes) > tonumber(most) then
    most = bytes
  end
end
return most
