"""Networks in memory: loading, batching and running them with ONNX Runtime.

Not here: picture files, labels and requests; it takes pixels and gives probabilities.
"""
