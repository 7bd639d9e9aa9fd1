-- sizes: say whether the indexes hold as many jobs as there are, a quick look before the thorough one of `strays`.
--
-- Answers  1 if all numbers agree, else 0
-- Touches  jobs queued running index

local all = 0
for state, _ in pairs(LEGAL_MOVES) do all = all + redis.call('ZCARD', key.index('state=' .. state)) end
local agree = all == redis.call('ZCARD', key.jobs)
  and redis.call('ZCARD', key.index('state=queued')) == redis.call('ZCARD', key.queued)
  and redis.call('ZCARD', key.index('state=running')) == redis.call('ZCARD', key.running)
return agree and 1 or 0
