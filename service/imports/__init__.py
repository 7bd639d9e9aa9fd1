"""Receives models that were trained elsewhere, and queues the jobs that import them.

Not here: reading a model. That is done by a job, in a process of its own.
"""
