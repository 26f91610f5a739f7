"""The programs of the document that this project starts from, in today's Python."""
