"""The OpenAI-compatible HTTP server: the models of this device for every OpenAI client."""
