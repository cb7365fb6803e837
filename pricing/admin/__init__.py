"""Pages of what it costs: what policies did, what they propose, the policies themselves, and the switches."""

from . import changes, policies, proposals, stops  # noqa: F401  (they register themselves)
