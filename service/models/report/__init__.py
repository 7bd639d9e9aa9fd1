"""The report of a version: one HTML document that shows everything about a run, and needs nothing else to be read.

Not here: drawing pictures, which the trainer has done, and HTTP.
"""
