"""What the routes of datasets call: receiving archives, converting them, listing what there is.

Not in here: decoding pictures; `worker.datasets` does that.
"""
