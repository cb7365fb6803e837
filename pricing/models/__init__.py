"""Policies, the changes they made or propose, and the switches that stop them."""

from .changes import PriceChange
from .policies import SurgePolicy
from .proposals import PriceProposal
from .switches import PricingStop

__all__ = ["PriceChange", "PriceProposal", "PricingStop", "SurgePolicy"]
