"""The HTTP side: takes jobs, answers predictions, shows models.

Not here: training. It never imports TensorFlow, Keras or matplotlib.
"""

__version__ = "0.1.0"
