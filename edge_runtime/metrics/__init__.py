"""What a node measures, for Prometheus; without anybody's text or name."""
