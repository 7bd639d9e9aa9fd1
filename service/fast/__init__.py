"""The fast lane: answers simple predictions at the connection, without ASGI and FastAPI.

Not in here: refusals. Requests that are not simple go on to the routes.
"""
