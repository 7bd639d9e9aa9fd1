"""How fair the turns of owners are: `python -m benchmarks.fairness`, in simulated time on a server of its own."""
