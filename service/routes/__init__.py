"""The routes, one module per noun of the contract: what comes in, who does it, what goes out."""
