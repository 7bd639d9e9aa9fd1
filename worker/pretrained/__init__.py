"""Weights that were learned elsewhere: finds them, reads them as data, and names the layers that they belong to.

Not here: Keras, which puts them into a network (`worker.training`). Nothing of a file of weights is ever executed.
"""
