"""The run doctor: rules over a run's history, evaluation, filters and data, and what each of them found.

Not here: Keras, HTTP, Redis, and the choice of the version that answers. Rules take facts and return findings.
"""
