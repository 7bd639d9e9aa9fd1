"""What a client wants to know about the trust in an answer, and what a version has recorded for it.

Not here: the measuring, which a trainer does at publication, and the JSON of answers.
"""
