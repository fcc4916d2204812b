"""The commands: parse, call, print; heavy imports wait inside the verbs."""
