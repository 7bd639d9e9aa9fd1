"""Aliases whose requests go to several versions: a canary answers a share, a shadow is asked the same and compared.

A *split* says so, a *trial* is a split at work with its figures, and a *turn* is one request's part in it. Not here:
how a split is stored (`model_store.aliases`), and which versions may share an alias (`service.models.split_rules`).
"""
