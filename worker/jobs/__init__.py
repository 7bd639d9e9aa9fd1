"""What a job is: request, plan, grid, record, states, errors.

Not in here: Redis and no Keras; how jobs are stored is in `worker.job_store`.
"""
