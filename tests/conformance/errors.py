"""The one error of the conformance test."""


class CannotCompare(Exception):
    """There is no verdict: something that is needed for one failed. The message says what."""
