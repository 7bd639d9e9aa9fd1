"""The public protocols of existing clients: Open Inference Protocol v2 (`/v2`) and TensorFlow Serving REST (`/v1`).

Translates between their wire formats and the one inference function. Not in here: inference itself, and the problem
bodies of our own routes. `docs/explanation/protocols.md` lists what is supported.
"""
