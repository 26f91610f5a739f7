"""The command line: programs run as plain Python runs them, and what `deferrous check` says."""
