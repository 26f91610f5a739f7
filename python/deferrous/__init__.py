"""Twisted's Deferred, rebuilt in Rust."""
