"""Jobs that classify many pictures, on the HTTP side: what is received, and what is downloaded.

Not here: the job itself (`worker.predictions`, `worker.training.many_predictions`).
"""
