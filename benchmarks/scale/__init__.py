"""How the cost of a store and of idle workers grows with their number."""
