"""Measures how far answers can be trusted: coverage of sets, and how well unusual pictures are told."""
