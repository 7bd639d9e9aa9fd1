"""Pictures that clients send back with the right label: kept, counted, and collected as a dataset to train on.

Not here: the training, which is a job like any other, and Label Studio's projects (`service.labelling`).
"""
