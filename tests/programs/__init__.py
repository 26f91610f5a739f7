"""The tests of programs that are made of Twisted, on stock Twisted and on deferrous."""
