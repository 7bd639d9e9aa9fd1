"""Pictures that the service gets from other servers, by URL: which addresses it may ask, and how much it takes.

Not in here: what a picture is, and who may ask for it.
"""
