-- retirable: find the finished jobs that were submitted first, as many as there are beyond a number.
--
-- ARGV[1]  how many finished jobs stay
-- ARGV[2]  most jobs to find; fewer than that are not worth a segment, and none is found
-- Answers  ids of the jobs, the oldest first, each followed by its number in `sequence`
-- Touches  index

local keep, most, count, found = tonumber(ARGV[1]), tonumber(ARGV[2]), 0, {}
for state, _ in pairs(LEGAL_MOVES) do
  if is_finished(state) then
    count = count + redis.call('ZCARD', key.index('state=' .. state))
    local rows = redis.call('ZRANGE', key.index('state=' .. state), 0, most - 1, 'WITHSCORES')
    for i = 1, #rows, 2 do table.insert(found, {rows[i], tonumber(rows[i + 1])}) end
  end
end
if count - keep < most then return {} end
table.sort(found, function(a, b) return a[2] < b[2] end)
local answer = {}
for i = 1, most do
  table.insert(answer, found[i][1])
  table.insert(answer, found[i][2])
end
return answer
