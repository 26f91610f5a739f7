"""Real peers: servers and clients that others have written, against Twisted on stock and on deferrous.

`make peers` installs the Python packages that some of them are, in an environment of its own, and says which
commands are missing on this machine. A test whose peer is missing is skipped, and says what has it.
"""
