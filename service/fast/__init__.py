"""The short way of a simple prediction: from the connection to the answer, without ASGI and FastAPI.

Not here: refusals. A request that is not simple goes on to the routes.
"""
