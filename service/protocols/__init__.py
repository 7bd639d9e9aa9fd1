"""The public protocols existing clients speak: Open Inference Protocol v2 (`/v2`) and TensorFlow Serving REST (`/v1`).

Translates between their wire formats and the one inference function; runs nothing itself.
`docs/explanation/protocols.md` says what is served.
"""
