"""One encoder for all heads against two: one for heads of whole texts, one for heads that tag."""
