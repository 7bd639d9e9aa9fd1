"""ASGI layers around the routes: one HTTP exchange, admission of predictions, checks of request bodies.

Not here: routes, and what a route answers.
"""
