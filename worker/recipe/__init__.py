"""What a training may be asked for besides its network: options and learning-rate schedules.

Not in here: nothing that knows an architecture, a dataset or Keras; it imports nothing of ours.
"""
