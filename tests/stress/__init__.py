"""The reactor and its threads under load and at the edges: much at once, errors, every state they can be in."""
