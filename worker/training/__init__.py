"""The Keras pipeline: everything here may import Keras, and only the trainer process imports it."""
