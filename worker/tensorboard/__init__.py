"""Runs as TensorBoard reads them: the bytes of its event files, and the folder that a worker keeps of them.

Not here: TensorBoard itself, which is neither needed nor started.
"""
