"""Exports published versions to other formats on request: Keras writes them, their own runtimes test them.

Not here: `model.onnx`, which every training writes by itself (`worker.training.export`).
"""
