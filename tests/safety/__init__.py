"""No program crashes the interpreter, or leaves an object in a state that Twisted's is never in."""
