"""Several hosts on one machine, in network namespaces: what works between them, and what holds when one is lost."""
