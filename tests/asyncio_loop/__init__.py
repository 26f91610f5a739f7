"""Tests of the loop for Twisted and asyncio, and CPython's own tests of asyncio on it."""
