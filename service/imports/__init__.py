"""Receives models that were trained elsewhere; what they hold is read by a job, never here."""
