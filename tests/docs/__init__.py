"""What is documented: every example is run on deferrous, in a process of its own."""
