"""Whether the image boots by itself, answers as this machine does, and survives power cuts."""
