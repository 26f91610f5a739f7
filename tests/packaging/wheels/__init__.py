"""The files in DEFERROUS_WHEELS, where `make wheels` leaves them: what is in them, and whether they run."""
