"""Everything on one machine: a private Valkey server, one worker and the API, started, watched and stopped together.

Not here: jobs, models and HTTP routes, except the readiness check; it knows how to run processes.
"""
