"""Convolutions that begin with chosen filters instead of drawn ones: identity and whitening.

Not in here: initializers that draw filters, which are Keras's own, and weights that were learned before.
"""
