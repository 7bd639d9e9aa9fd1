"""Training on top of learned weights: features that are computed once, a head that is fitted to them, fine-tuning.

Not here: which weights and how much of a network a job trains (`worker.jobs.transfer`), and files of weights
(`worker.pretrained`).
"""
