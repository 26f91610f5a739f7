"""Every example of the documentation is run on deferrous, in a process of its own."""
