"""Classifies many pictures as a job: reads them in a process of its own, and writes rows.

Not here: single predictions, which the API answers, and where rows are kept (`model_store.predictions`).
"""
