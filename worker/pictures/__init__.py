"""Picture files: their headers, their pixels, and how our own pictures are drawn.

Not here: datasets and models.
"""
