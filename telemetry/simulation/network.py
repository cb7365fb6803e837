"""The sites of a generated network: who runs them, where they stand, what they have. Nothing here depends on dates."""

from dataclasses import dataclass

import numpy as np

# City, state, latitude, longitude (°), mean temperature, seasonal and daily swing (°F), chance of a wet day, gas (USD).
METROS = (
    ("Los Angeles", "CA", 34.0522, -118.2437, 66, 9, 9, 0.08, 4.65),
    ("San Francisco", "CA", 37.7749, -122.4194, 59, 6, 7, 0.15, 4.75),
    ("San Diego", "CA", 32.7157, -117.1611, 65, 8, 7, 0.08, 4.60),
    ("New York", "NY", 40.7128, -74.0060, 56, 22, 8, 0.30, 3.30),
    ("Seattle", "WA", 47.6062, -122.3321, 53, 13, 8, 0.42, 4.20),
    ("Portland", "OR", 45.5152, -122.6784, 55, 15, 9, 0.40, 3.95),
    ("Austin", "TX", 30.2672, -97.7431, 70, 18, 10, 0.20, 2.80),
    ("Boston", "MA", 42.3601, -71.0589, 52, 22, 8, 0.32, 3.15),
    ("Phoenix", "AZ", 33.4484, -112.0740, 76, 20, 12, 0.06, 3.45),
    ("Denver", "CO", 39.7392, -104.9903, 51, 21, 13, 0.20, 3.05),
    ("Chicago", "IL", 41.8781, -87.6298, 51, 25, 8, 0.30, 3.35),
    ("Minneapolis", "MN", 44.9778, -93.2650, 47, 30, 9, 0.28, 3.05),
    ("Atlanta", "GA", 33.7490, -84.3880, 63, 18, 10, 0.30, 2.95),
    ("Miami", "FL", 25.7617, -80.1918, 77, 8, 6, 0.38, 3.10),
    ("Las Vegas", "NV", 36.1716, -115.1391, 70, 22, 12, 0.05, 3.90),
)
OPERATORS = (
    "Northline Charging",
    "Brightway",
    "Volterra",
    "Greenmile Energy",
    "Harbor Electric",
    "Summit Charge",
    "Copperline",
    "Meridian Power",
)
LOCATION_TYPES = (
    "Airport",
    "Highway Corridor",
    "Hotel/Hospitality",
    "Residential",
    "Shopping Center",
    "Suburban",
    "Urban Center",
    "Workplace",
)
CHARGER_TYPES = ("DC Fast Charge", "Hyper-Fast", "Level 2")
PRICING_TYPES = ("per_kwh", "per_minute", "free")
AMENITIES = ("Restrooms", "Cafe", "Restaurant", "Grocery", "WiFi", "Shopping", "Lounge", "Playground", "Parking")

_LOCATION_SHARES = (0.06, 0.20, 0.08, 0.10, 0.20, 0.12, 0.14, 0.10)
_LEVEL_2_SHARE = np.array([0.35, 0.03, 0.75, 0.80, 0.30, 0.45, 0.35, 0.80])  # by location type
_HYPER_SHARE = np.array([0.20, 0.45, 0.05, 0.03, 0.20, 0.15, 0.20, 0.05])
_POWER_KW = np.array([[50, 62.5, 100, 150], [250, 300, 350, 350], [7.2, 9.6, 11.5, 19.2]])  # by charger type
_FEWEST_PORTS, _MOST_PORTS = np.array([2, 4, 2]), np.array([12, 24, 16])
_SESSION_MINUTES = np.array([35.0, 24.0, 180.0])
_LOWEST_PRICE, _HIGHEST_PRICE = np.array([0.36, 0.44, 0.20]), np.array([0.56, 0.66, 0.38])
_DRAWS = 20  # uniform numbers per site; one row of them is one site, so the first sites of a larger network agree


@dataclass(frozen=True)
class Network:
    """Sites as parallel arrays of one length; `metro`, `location` and so on are indices into this module's tuples."""

    station_id: np.ndarray
    name: np.ndarray
    operator: np.ndarray
    metro: np.ndarray
    latitude: np.ndarray  # °
    longitude: np.ndarray  # °
    location: np.ndarray
    charger: np.ndarray
    power_kw: np.ndarray  # per port
    amenities: np.ndarray
    ports: np.ndarray
    pricing: np.ndarray
    base_price: np.ndarray  # USD per kWh or minute; 0 where free
    session_minutes: np.ndarray
    busyness: np.ndarray  # multiplies demand, about 1
    frailty: np.ndarray  # multiplies the rate of chance failures, about 1

    def __len__(self) -> int:
        return len(self.station_id)


def network(sites: int, seed: int) -> Network:
    """`sites` sites drawn from `seed` alone; a larger network begins with the same sites.

    Raises ValueError for fewer than 1 or more than 99,999 sites.
    """
    if not 1 <= sites <= 99_999:
        raise ValueError(f"sites must be 1 to 99999, not {sites}")
    u = np.random.default_rng([seed, 0]).random((sites, _DRAWS))
    metro = (u[:, 0] * len(METROS)).astype(int)
    operator = (u[:, 1] * len(OPERATORS)).astype(int)
    location = np.searchsorted(np.cumsum(_LOCATION_SHARES), u[:, 2]).clip(max=len(LOCATION_TYPES) - 1)
    level_2, hyper = _LEVEL_2_SHARE[location], _HYPER_SHARE[location]
    charger = np.where(u[:, 3] < level_2, 2, np.where(u[:, 3] < level_2 + hyper, 1, 0))
    pricing = np.where((charger == 2) & (u[:, 8] < 0.25), 2, np.where(u[:, 9] < 0.15, 1, 0))
    place = np.array([(row[2], row[3]) for row in METROS])[metro]
    return Network(
        station_id=np.array([f"EV{number:05d}" for number in range(1, sites + 1)]),
        name=_names(operator, metro),
        operator=operator,
        metro=metro,
        latitude=np.round(place[:, 0] + 0.28 * (u[:, 4] - 0.5), 6),
        longitude=np.round(place[:, 1] + 0.28 * (u[:, 5] - 0.5), 6),
        location=location,
        charger=charger,
        power_kw=_POWER_KW[charger, (u[:, 6] * 4).astype(int)],
        amenities=_amenities(u[:, 14:20]),
        ports=_FEWEST_PORTS[charger] + (u[:, 7] * (_MOST_PORTS - _FEWEST_PORTS + 1)[charger]).astype(int),
        pricing=pricing,
        base_price=_base_prices(charger, pricing, u[:, 10]),
        session_minutes=_SESSION_MINUTES[charger] * (0.85 + 0.3 * u[:, 11]),
        busyness=0.75 + 0.5 * u[:, 12],
        frailty=0.5 + u[:, 13],
    )


def _names(operator: np.ndarray, metro: np.ndarray) -> np.ndarray:
    """\"Brightway - Seattle #2\": numbered within operator and city in the order of the sites."""
    count: dict[tuple[int, int], int] = {}
    names = []
    for pair in zip(operator.tolist(), metro.tolist(), strict=True):
        count[pair] = count.get(pair, 0) + 1
        names.append(f"{OPERATORS[pair[0]]} - {METROS[pair[1]][0]} #{count[pair]}")
    return np.array(names)


def _amenities(u: np.ndarray) -> np.ndarray:
    """Two to five amenities each, separated by comma and space."""
    counts = 2 + (u[:, 0] * 4).astype(int)
    rows = [
        ", ".join(dict.fromkeys(AMENITIES[int(draw * len(AMENITIES))] for draw in draws[:count]))
        for draws, count in zip(u[:, 1:].tolist(), counts.tolist(), strict=True)
    ]
    return np.array(rows)


def _base_prices(charger: np.ndarray, pricing: np.ndarray, u: np.ndarray) -> np.ndarray:
    per_kwh = _LOWEST_PRICE[charger] + u * (_HIGHEST_PRICE - _LOWEST_PRICE)[charger]
    per_minute = np.where(charger == 2, 0.1 * per_kwh, 0.6 * per_kwh)
    return np.round(np.where(pricing == 2, 0, np.where(pricing == 1, per_minute, per_kwh)), 2)
