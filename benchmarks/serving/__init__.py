"""How fast pictures are answered, beside other servers: `python -m benchmarks.serving`."""
