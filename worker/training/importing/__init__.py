"""Publishes models that were trained elsewhere: what the reader's process described is built, compared and tested.

Not here: reading the file that was sent, which `worker.imports` does in another process.
"""
