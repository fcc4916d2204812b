"""``python -m benchmarks.cluster``: three RabbitMQ nodes, one of which is killed under load."""
