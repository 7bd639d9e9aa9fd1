-- leave_group: take a job that the ledger has forgotten out of its group.
--
-- ARGV[1]  id of the job
-- ARGV[2]  id of the group
-- Answers  nothing
-- Touches  group group_jobs groups

leave_group(ARGV[1], ARGV[2])
