"""Everything on one machine: a private Valkey server, one worker and the API, started, supervised and stopped together.

Not here: jobs, models and HTTP routes, except the readiness check.
"""
