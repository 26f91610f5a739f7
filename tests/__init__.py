"""The tests of the Python face, by what they protect."""
