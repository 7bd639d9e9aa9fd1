-- in_queue: say how much of the queue an owner has.
--
-- ARGV[1]  the owner
-- Answers  {number of jobs that wait or run, seconds that those are expected to take that wait, seconds of a training}
-- Touches  job index queue pace correction

local jobs, waiting_s = in_queue(ARGV[1])
return {jobs, tostring(waiting_s), tostring(expected_s())}
