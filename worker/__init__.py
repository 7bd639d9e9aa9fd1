"""Training: what a job is, how it is queued, and the Keras pipeline that runs it.

The light modules here (requests, jobs, wake_ups, architectures, datasets, pixels, settings) are shared with the HTTP
side and import no Keras; only `worker.training` and the trainer process do.
"""
