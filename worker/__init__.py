"""Training: what a job is, how it is queued, and the Keras pipeline that runs it.

Not here: HTTP. Everything but `worker.training` is shared with the HTTP side and imports no Keras.
"""
