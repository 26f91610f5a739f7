"""Putting deferrous underneath Twisted: early, late, by the environment, and where it cannot be done."""
