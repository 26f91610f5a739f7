"""How the sources depend on each other."""
