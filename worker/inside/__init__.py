"""What a version records so that one can look inside its network without Keras: layers, tensors, kernels, tails.

Not here: how it is recorded (`worker.training.inside`), and how it is shown (`service.inside`).
"""
