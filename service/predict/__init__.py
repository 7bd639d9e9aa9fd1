"""A prediction from its URL and upload to its answer: limits, pixels, version rollover, ranked classes.

Not here: running networks (`service.inference`) and HTTP routes (`service.routes`).
"""
