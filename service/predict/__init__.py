"""A prediction from its URL and upload to its answer: limits, pixels, version rollover, ranked classes.

Not in here: network runs here and no HTTP route is defined here.
"""
