"""What this process counts, times and sees of others: Prometheus metrics, stages of a prediction, heartbeats.

Not here: log format and trace export, which are in `worker.telemetry`.
"""
