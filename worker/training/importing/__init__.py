"""Publishes models that were trained elsewhere: what the reader's process described is built, compared and tested."""
