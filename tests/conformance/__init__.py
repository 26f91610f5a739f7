"""Twisted's own tests, on stock Twisted and on deferrous: `python -m tests.conformance --help`."""
