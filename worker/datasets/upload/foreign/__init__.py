"""Uploads that are no zip: they are written as one, file by file, so that the rules for zips hold for them, too.

Not here: those rules, and what becomes of the zip (`worker.datasets.upload.convert`).
"""
