"""What a finished run says of itself beside its model: mistakes, curves.

Not in here: Keras and no HTTP.
"""
