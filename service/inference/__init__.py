"""Networks in memory: loading, batching and running them with ONNX Runtime.

Not in here: pictures, no labels and no requests.
"""
