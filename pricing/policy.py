"""What a surge policy is, as plain numbers, and the prices that follow from it. Money is whole ten-thousandths here."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

SCALE = 10_000  # prices have four digits after the point: as integers no rounding of floats ever touches money
MOST_PRICE = 99_999_999  # ten-thousandths that a price can be stored as: 9,999.9999
MOST_COST = Decimal("99999999.99")
ELASTICITIES = (-0.10, -0.30, -0.76)  # the evidence is that wide; -0.76 is the city-wide mean of the Shenzhen study


@dataclass(frozen=True)
class Policy:
    """The numbers of a surge policy; the defaults are the original ones, bounded in time and never compounding.

    `trigger` says what stress is: "heat" (°C in the hottest cabinet or share of power lost to heat, risk where neither
    is known) or "risk". Each has a threshold at which it begins and a lower one at which it ends.
    """

    name: str = "original"
    version: int = 1
    mode: str = "autonomous"  # or "advisory": somebody has to approve
    trigger: str = "risk"
    risk_on: float = 0.60
    risk_off: float = 0.40
    heat_on_c: float = 58.0
    heat_off_c: float = 50.0
    derated_on: float = 0.15  # share of rated power lost to heat
    derated_off: float = 0.05
    multiplier: Decimal = Decimal("1.75")
    discount: Decimal = Decimal("0.70")
    cap_share: Decimal = Decimal("0.75")  # most above the base price, as a share of it
    cap_amount: Decimal | None = None  # and in money
    floor_share: Decimal = Decimal("0.30")  # most below the base price
    marginal_cost: Decimal = Decimal("0")  # a discount never goes below it
    approval_above: Decimal | None = None  # a larger rise (share) waits for approval, whatever the mode
    neighbour_below: float = 0.60  # utilization that leaves room for more cars
    neighbour_risk_below: float = 0.40
    neighbour_rise: float = 0.30  # expected rise of the neighbour's load, as a share
    neighbour_full: float = 0.80  # expected utilization at which it cannot take more
    neighbour_power: float = 0.5  # it offers at least this share of the power per port
    radius_km: float = 25.0
    same_operator: bool = False
    needs_alternative: bool = False  # no surge where nobody near can take the cars
    shortest_seconds: int = 60
    longest_seconds: int = 1800
    cool_down_seconds: int = 300  # between the end of a surge and the next
    changes_per_day: int | None = None
    surge_seconds_per_day: int | None = None
    discount_budget: Decimal | None = None  # money per operator and day
    notice_seconds: int = 0
    power_share: Decimal = Decimal("1")  # share of rated power allowed while stressed; 1: never limited
    price_after_seconds: int = 0  # how long limiting is tried before a price is touched
    id: int = 0  # of the row that holds it

    def __hash__(self) -> int:
        """Of what names it: policies are looked up for every change, and three dozen numbers take their time."""
        return hash((self.name, self.version, self.id))

    @property
    def limits_first(self) -> bool:
        return self.power_share < 1


ORIGINAL = Policy()
GUARDED = Policy(
    name="guarded",
    mode="advisory",
    trigger="heat",
    multiplier=Decimal("1.25"),
    discount=Decimal("0.80"),
    cap_share=Decimal("0.25"),
    cap_amount=Decimal("0.15"),
    floor_share=Decimal("0.20"),
    approval_above=Decimal("0.10"),
    neighbour_risk_below=0.30,
    radius_km=5.0,
    same_operator=True,
    needs_alternative=True,
    shortest_seconds=1800,
    longest_seconds=7200,
    cool_down_seconds=7200,
    changes_per_day=2,
    surge_seconds_per_day=4 * 3600,
    discount_budget=Decimal("200"),
    notice_seconds=900,
)
POWER_FIRST = Policy(
    **{
        **vars(GUARDED),
        "name": "power-first",
        "power_share": Decimal("0.80"),
        "price_after_seconds": 3600,
        "longest_seconds": 4 * 3600,
    }
)
SHIPPED = {policy.name: policy for policy in (ORIGINAL, GUARDED, POWER_FIRST)}


def surge_prices(base: np.ndarray, policy: Policy) -> np.ndarray:
    """Prices (ten-thousandths) of a surge from base prices: always from these, so that changes never compound.

    Half-even rounding; never above cap or what can be stored, and never below the base price.

    >>> surge_prices(np.array([4000]), ORIGINAL)
    array([7000])
    >>> surge_prices(np.array([4000]), GUARDED)
    array([5000])
    """
    cap = base + base * _scaled(policy.cap_share) // SCALE
    if policy.cap_amount is not None:
        cap = np.minimum(cap, base + _scaled(policy.cap_amount))
    cap = np.minimum(cap, MOST_PRICE)
    return np.maximum(base, np.minimum(_times(base, policy.multiplier), cap))


def discounted_prices(base: np.ndarray, policy: Policy) -> np.ndarray:
    """Prices (ten-thousandths) of a discount: never below floor or marginal cost, and never above the base price.

    >>> discounted_prices(np.array([4000]), ORIGINAL)
    array([2800])
    """
    floor = np.maximum(base - base * _scaled(policy.floor_share) // SCALE, _scaled(policy.marginal_cost))
    return np.minimum(base, np.maximum(_times(base, policy.discount), floor))


def price_for(kind: str, base_price: Decimal, policy: Policy) -> Decimal:
    """The price of a surge, of a discount ("reroute") or while power is limited ("limit": the base price).

    >>> price_for("surge", Decimal("0.40"), ORIGINAL)
    Decimal('0.7000')
    """
    base = np.array([_scaled(base_price)])
    prices = {"surge": surge_prices, "reroute": discounted_prices}.get(kind, lambda base, _: base)
    return money(prices(base, policy)[0])


@lru_cache(maxsize=50_000)  # because a network has few prices, and many sites that have them
def money(ten_thousandths) -> Decimal:
    """An amount in money; digits after the point as prices have them."""
    return Decimal(int(ten_thousandths)).scaleb(-4)


def expected_effect(ratio: float, elasticities=ELASTICITIES) -> tuple[float, float, float]:
    """Change of demand (share) by a price `ratio` times the base: at the middle elasticity, and at the outer two.

    Constant elasticity: ratio ** e - 1. An estimate over the range of the evidence, not a confidence interval.

    >>> [round(share, 3) for share in expected_effect(1.75)]
    [-0.155, -0.346, -0.054]
    """
    effects = sorted(ratio**elasticity - 1 for elasticity in elasticities)
    return effects[len(effects) // 2], effects[0], effects[-1]


def _scaled(amount: Decimal) -> int:
    return int(amount * SCALE)


def _times(base: np.ndarray, factor: Decimal) -> np.ndarray:
    """base x factor, rounded half to even, in integers."""
    whole, rest = np.divmod(base * _scaled(factor), SCALE)
    half = SCALE // 2
    return whole + ((rest > half) | ((rest == half) & (whole % 2 == 1)))
