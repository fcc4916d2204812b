"""Images for SD cards, made and written on a workstation without root and without mounting."""
