"""One training on several devices of its machine: each step's batch is divided among them.

Gradients, losses and metrics are those of the whole batch, as on one device, and so are the statistics of batch
normalization, which are computed over all devices. What stays different is rounding, and dropout: each device draws
its own units.

Not in here: which jobs may ask for several devices, which is in `worker.jobs.device_choice`, and how many a worker has,
which is in `worker.supervision.gpus`.
"""
