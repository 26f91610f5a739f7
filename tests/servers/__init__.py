"""Real servers and clients: each kind of transport and each command, over the loopback interface."""
