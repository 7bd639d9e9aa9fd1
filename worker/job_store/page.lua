-- page: find jobs by their properties, newest first.
--
-- ARGV[1]  number in `sequence` below which to look, or '+inf'
-- ARGV[2]  most jobs to find
-- ARGV[3]  how many of the names that follow are alternatives: a job is in one of them; 0 if it may be anywhere
-- ARGV[4…] names of indexes: first the alternatives, which have no job in common; a job is in all of the others
-- Answers  {how many jobs match in all, id and number in `sequence` of each job found}
-- Touches  index

local below, limit, n_alternatives = ARGV[1] == '+inf' and '+inf' or '(' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local total, found = 0, {}

local function is_in_one(id, first, last)
  for i = first, last do
    if redis.call('ZSCORE', key.index(ARGV[i]), id) then return true end
  end
  return false
end

local function is_in_all(id, first, last)
  for i = first, last do
    if not redis.call('ZSCORE', key.index(ARGV[i]), id) then return false end
  end
  return true
end

local function collect(rows, matches)
  for i = 1, #rows, 2 do
    if matches(rows[i]) then table.insert(found, {rows[i], tonumber(rows[i + 1])}) end
  end
end

local first_required = 4 + n_alternatives
if #ARGV < first_required then
  for i = 4, #ARGV do
    total = total + redis.call('ZCARD', key.index(ARGV[i]))
    collect(redis.call('ZREVRANGEBYSCORE', key.index(ARGV[i]), below, '-inf', 'WITHSCORES', 'LIMIT', 0, limit),
            function() return true end)
  end
else
  -- The smallest index that all matching jobs are in is read whole, since the number of matches is wanted, too.
  local smallest, size = nil, n_alternatives > 0 and 0 or math.huge
  for i = 4, first_required - 1 do size = size + redis.call('ZCARD', key.index(ARGV[i])) end
  for i = first_required, #ARGV do
    local count = redis.call('ZCARD', key.index(ARGV[i]))
    if count <= size then smallest, size = i, count end
  end
  for i = smallest or 4, smallest or first_required - 1 do
    collect(redis.call('ZREVRANGE', key.index(ARGV[i]), 0, -1, 'WITHSCORES'), function(id)
      if smallest and n_alternatives > 0 and not is_in_one(id, 4, first_required - 1) then return false end
      return is_in_all(id, first_required, #ARGV)
    end)
  end
  total = #found
end

table.sort(found, function(a, b) return a[2] > b[2] end)
local answer, floor = {total}, ARGV[1] == '+inf' and math.huge or tonumber(ARGV[1])
for _, row in ipairs(found) do
  if #answer > 2 * limit then break end
  if row[2] < floor then
    table.insert(answer, row[1])
    table.insert(answer, row[2])
  end
end
return answer
