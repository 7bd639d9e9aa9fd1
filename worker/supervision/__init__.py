"""The worker process: the Celery app, the runner of jobs, the supervisor of one trainer process.

Not here: Keras, which only the trainer process imports.
"""
