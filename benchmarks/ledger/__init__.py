"""How large and how fast the ledger of jobs is: `python -m benchmarks.ledger`, on a server of its own."""
