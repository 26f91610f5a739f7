"""Deferreds that are made in one thread and fired in another."""
