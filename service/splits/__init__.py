"""Aliases whose requests go to several versions: a canary answers a share, a shadow is asked the same and compared.

A *split* says so (`model_store.aliases`). A *trial* is a split at work, with its figures. A *turn* is one request's
part in it.
"""
