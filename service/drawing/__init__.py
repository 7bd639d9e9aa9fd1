"""Pictures that a process of their own draws: curves, comparisons, contact sheets.

Not in here: drawing code, so no matplotlib.
"""
