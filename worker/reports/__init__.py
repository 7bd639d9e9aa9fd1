"""What a finished run says about itself besides its model: mistakes and curves.

Not here: Keras and HTTP.
"""
