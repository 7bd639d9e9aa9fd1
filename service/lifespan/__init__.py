"""What an API process does besides answering requests: before the first one, and now and then.

Not here: what it holds meanwhile, which is `service.state`, and how it is put together, which is `service.app`.
"""
