"""How far an answer can be trusted: sets of classes with a promised coverage, thresholds, and the record of a version.

Not here: Keras, which measures the networks, and HTTP.
"""
