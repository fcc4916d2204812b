"""Who may do what on the broker: its ACL, passwords and certificates, made from a list of names."""
