"""Models trained elsewhere: read as data, checked, and described in the grammar. Nothing of a file is ever executed.

A process of its own does the reading, see `reader`. This package does not import Keras.
"""
