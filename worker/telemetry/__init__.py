"""Log lines and traces of every process.

Not here: metrics, which the API counts in `service.telemetry`.
"""
