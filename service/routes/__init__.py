"""The routes, one module per noun of the contract: they read the request, call what does the work, and answer.

Not in here: the work itself; that is in `service.predict`, `service.models`, `service.jobs` and `service.datasets`.
"""
