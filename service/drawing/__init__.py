"""Pictures that other processes draw: starts them, waits for them, and keeps what they drew.

Not here: the drawing code, so no matplotlib.
"""
