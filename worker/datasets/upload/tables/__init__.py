"""Tables of labels beside the pictures of an archive: which files are such tables, and what they say.

Not here: tables whose columns are pixels (`worker.datasets.upload.foreign`).
"""
