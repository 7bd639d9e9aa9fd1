"""The HTTP side: takes jobs, answers predictions, shows models. Never imports TensorFlow, Keras or matplotlib."""

__version__ = "0.1.0"
