"""What this process counts and times: Prometheus metrics and the stages of a prediction.

Not in here: logging format and no tracing backend; these are in `worker.telemetry`.
"""
