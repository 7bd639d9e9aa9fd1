"""Converts a zip of class folders to packed arrays; archives are hostile, and their names never become paths.

Runs in a separate process (`python -m worker.datasets.upload.convert`) with Pillow and numpy. Not in here: Keras,
credentials, the store, and HTTP.
"""
