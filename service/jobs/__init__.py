"""What the routes of jobs and groups call: the queue as HTTP sees it, group answers, dry runs.

Not in here: Redis commands; these are in `worker.job_store`.
"""
