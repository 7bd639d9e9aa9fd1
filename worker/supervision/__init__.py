"""The worker process: the Celery app, the runner of jobs, the supervisor of one trainer process.

Not in here: Keras; the trainer process imports it.
"""
