"""A node under messages of every shape, through a real broker."""
