"""Looks inside published networks: layers, kernels, maps, why an answer, and what would change it.

Not here: predictions (`service.predict`, `service.inference`), which never wait for a look inside.
"""
