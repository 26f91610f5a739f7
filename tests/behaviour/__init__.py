"""The behaviour that programs rely on, one subject a file, on Twisted's Deferreds and on ours."""
