"""How much an owner uses, how much the owner's key allows, and what is refused beyond that.

Not here: whose turn it is (`worker.job_store`), and what any single request may cost (`service.settings`).
"""
