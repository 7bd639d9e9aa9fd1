-- retire: remove finished jobs that are in the ledger now; they stay in their groups.
--
-- An idempotency key stays with its job, so that a repeated submission still finds it.
--
-- ARGV[1…] ids of the jobs
-- Answers  how many were removed
-- Touches  job events log epochs jobs waits wide index queue waiting idempotency

local n_removed = 0
for i = 1, #ARGV do
  local found = redis.call('HMGET', key.job(ARGV[i]), 'state', 'idempotency')
  if found[1] and is_finished(found[1]) then
    if found[2] and redis.call('HGET', key.idempotency(found[2]), 'job') == ARGV[i] then
      redis.call('HSET', key.idempotency(found[2]), 'retired', 1)
    end
    erase(ARGV[i])
    n_removed = n_removed + 1
  end
end
return n_removed
