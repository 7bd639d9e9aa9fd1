"""What the routes of jobs and groups call: the queue as HTTP sees it, answers about groups, dry runs.

Not here: Redis commands, which are in `worker.job_store`.
"""
