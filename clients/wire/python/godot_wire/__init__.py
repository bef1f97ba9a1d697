"""What everyone who writes or reads records shares: their shape, their repair, and what in them is secret."""
