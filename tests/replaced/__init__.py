"""The programs of `tests/behaviour/test_replaced_names.py`, one for each function and name."""
