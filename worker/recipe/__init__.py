"""What a training can be asked for besides its network: options and learning-rate schedules.

Not here: anything about architectures, datasets or Keras; it imports nothing of ours.
"""
