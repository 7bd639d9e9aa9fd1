"""Machines that are taken away many times while they train; what is lost by it."""
