"""The Python tests, by what they protect."""
