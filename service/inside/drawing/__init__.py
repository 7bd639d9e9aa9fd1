"""Draws what is inside a network with Pillow: text, colours, tiles of maps and kernels, and overlays.

Not here: where the numbers come from; and no matplotlib, which never enters the API's process.
"""
