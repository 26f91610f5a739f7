"""What users get: the wheels, the source distribution, the workflows that make them, and who is refused."""
