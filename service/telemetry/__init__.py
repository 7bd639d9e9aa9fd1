"""What this process counts and times: Prometheus metrics and the stages of a prediction.

Not here: log format and trace export, which are in `worker.telemetry`.
"""
