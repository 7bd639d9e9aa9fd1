"""Models trained elsewhere: read as data, checked, and described in the grammar, by a process of its own.

Not here: Keras, and anything that executes what a file says.
"""
