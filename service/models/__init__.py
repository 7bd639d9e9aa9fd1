"""What the routes of models call: the catalog of published versions, answers about them, their files.

Not in here: inference.
"""
