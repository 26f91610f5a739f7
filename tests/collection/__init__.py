"""What is left behind when Deferreds are gone: nothing."""
