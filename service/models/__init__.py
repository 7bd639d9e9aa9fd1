"""What the routes of models call: the catalog of published versions, answers about them, their files.

Not here: running a network, which is in `service.inference`.
"""
