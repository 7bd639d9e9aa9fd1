"""The Keras pipeline: everything here may import Keras, and only the trainer process imports it.

Not here: Redis and the queue. The trainer reports to its supervisor through a pipe.
"""
