"""ASGI layers around the routes: one HTTP exchange, admission of predictions, checks of request bodies.

Not in here: routes and their answers.
"""
