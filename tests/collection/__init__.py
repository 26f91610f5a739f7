"""What is left behind when Deferreds, reactors and pools are gone: nothing."""
