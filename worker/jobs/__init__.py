"""What a job is: request, plan, grid, record, states, errors.

Not here: Redis and Keras. How jobs are stored is in `worker.job_store`.
"""
