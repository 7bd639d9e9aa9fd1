"""Everything on one machine: a private Valkey server, one worker and the API, started, watched and stopped together.

Knows how to run processes; knows nothing of jobs, models or HTTP routes beyond the readiness check.
"""
