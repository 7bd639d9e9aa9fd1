"""Curves, comparisons and contact sheets: starts the processes that draw them, and caches the pictures.

Not here: the drawing code, and so no matplotlib.
"""
