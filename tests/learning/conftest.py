"""Keras as a trainer imports it."""

import worker.training.absent  # noqa: F401 - before any test imports Keras
