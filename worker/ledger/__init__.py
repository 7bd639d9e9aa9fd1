"""The ledger of finished jobs: segments in the model store, and an index of them on each machine for lists.

Not here: jobs that wait or run, and the latest finished ones, which are in `worker.job_store`.
"""
