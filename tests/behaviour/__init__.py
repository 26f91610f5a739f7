"""What a program may rely on, one behaviour a file, on Twisted's Deferreds and on ours."""
