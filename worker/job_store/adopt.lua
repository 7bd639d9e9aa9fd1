-- adopt: put jobs that earlier versions of the program wrote or moved into the indexes, as their hashes have them.
--
-- ARGV[1…] of each job: id, names of the indexes that it is always in (JSON list) or '' when it has them
-- Answers  nothing
-- Touches  job jobs waits wide index queue waiting

for i = 1, #ARGV, 2 do
  local id, facets = ARGV[i], ARGV[i + 1]
  local state = redis.call('HGET', key.job(id), 'state')
  if state then
    if facets ~= '' and redis.call('ZSCORE', key.jobs, id) then index_facets(id, facets) end
    place(id, state)
  end
end
