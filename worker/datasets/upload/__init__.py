"""From a zip of class folders to packed arrays: reads hostile archives, and never writes a name from one to a path.

Runs in a process of its own (`python -m worker.datasets.upload.convert`) with Pillow and numpy, without Keras, without
credentials and without the store.
"""
