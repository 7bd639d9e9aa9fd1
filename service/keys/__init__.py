"""Who sends a request, and what that caller may do: keys, their scopes, and the scope that each route needs.

Not here: where keys are stored (`model_store.keys`), and which hosts and origins may come in (`service.web.doors`).
"""
