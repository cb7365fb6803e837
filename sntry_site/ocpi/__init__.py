"""OCPI 2.2.1, and the locations of 2.3.0, as the sender: one file per module, the mapping apart from the views."""
