"""Measures, when a version is published, how far its answers can be trusted (`worker.trust`).

Not here: the evaluation on the test split, whose pictures are never used for this.
"""
