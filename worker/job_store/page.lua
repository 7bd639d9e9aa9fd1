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

-- Of jobs that are in several indexes, so many are found by an intersection; more are found by walking through one
-- index until there are enough of them, which then is soon.
local FEW = 500

local function collect(rows)
  for i = 1, #rows, 2 do table.insert(found, {rows[i], tonumber(rows[i + 1])}) end
end

-- Whether a job of the first index is in all others, too.
local function is_in_all(id, names)
  for i = 2, #names do
    if not redis.call('ZSCORE', key.index(names[i]), id) then return false end
  end
  return true
end

-- Find jobs that are in all indexes, `most` of them, by going through the first one downwards; how many were found.
local function walk(names, from, most)
  local n = 0
  while n < most do
    local rows = redis.call('ZREVRANGEBYSCORE', key.index(names[1]), from, '-inf', 'WITHSCORES', 'LIMIT', 0, 2 * limit)
    if #rows == 0 then break end
    for i = 1, #rows, 2 do
      if is_in_all(rows[i], names) then
        collect({rows[i], rows[i + 1]})
        n = n + 1
      end
    end
    from = '(' .. rows[#rows]
  end
  return n
end

-- The answer of a command that takes several indexes, or the error.
local function across(command, names, ...)
  local words = {command, #names}
  for _, name in ipairs(names) do table.insert(words, key.index(name)) end
  for _, option in ipairs({...}) do table.insert(words, option) end
  return redis.pcall(unpack(words))
end

-- Count the jobs that are in all of these indexes, and find the newest ones.
local function look(names)
  table.sort(names, function(a, b) return redis.call('ZCARD', key.index(a)) < redis.call('ZCARD', key.index(b)) end)
  local counted = across('ZINTERCARD', names)
  if type(counted) == 'table' then counted = walk(names, '+inf', math.huge)  -- an error: Redis before 7
  elseif counted > FEW then walk(names, below, limit)
  elseif counted > 0 then collect(across('ZINTER', names, 'AGGREGATE', 'MIN', 'WITHSCORES')) end
  total = total + counted
end

local first_required = 4 + n_alternatives
for i = 4, first_required - 1 do
  if #ARGV < first_required then
    total = total + redis.call('ZCARD', key.index(ARGV[i]))
    collect(redis.call('ZREVRANGEBYSCORE', key.index(ARGV[i]), below, '-inf', 'WITHSCORES', 'LIMIT', 0, limit))
  else
    look({ARGV[i], unpack(ARGV, first_required)})
  end
end
if n_alternatives == 0 then look({unpack(ARGV, first_required)}) end

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
