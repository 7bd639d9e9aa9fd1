"""Log lines and traces of every process.

Not in here: metric; the API counts in `service.telemetry`.
"""
