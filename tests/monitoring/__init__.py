"""Programs that watch a reactor: what they replace in it, and what they read out of it."""
