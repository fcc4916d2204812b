"""The wheel's own arm64 installation, run by an emulator of the boards' CPUs.

What it answers is compared with this machine, for every form of graph that a profile names and for
the bundle that ships. Emulated time says nothing of a board's speed.
"""
