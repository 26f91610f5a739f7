"""Deferreds, reactors and pools leave nothing behind when they are gone."""
