"""What the bridge costs: clients that ask a node over a broker, and where the time goes."""
