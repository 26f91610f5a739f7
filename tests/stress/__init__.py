"""The reactor and its threads under load and at the edges: much at once, errors, states of every kind."""
