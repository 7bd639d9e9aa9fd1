"""Picture files: their headers, their pixels, and how our own pictures are drawn.

Not in here: dataset and no model.
"""
