"""The store of jobs in Redis: scripts, wake-ups for workers, the reaper of lost jobs.

Not here: HTTP and training.
"""
