"""Types: what mypy makes of programs on deferrous, and the stub of the extension module."""
