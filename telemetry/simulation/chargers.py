"""The chargers of a generated network: what each of them is, and what never shows: its frailty."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from .causes import CAUSES, GRID, HOURS_PER_YEAR, column
from .network import LOCATION_TYPES, Network
from .parameters import Scenario
from .streams import Streams

LEVEL_2 = 2  # index in CHARGER_TYPES
VERSIONS = 12
_VOLTS = np.array([400.0, 800.0, 240.0])  # by charger type (assumption)
_FIRST_DAY, _DAYS_OF_BUILDING = 18_262, 1_800  # chargers were built between 2020 and the end of 2024
_TURNOVER = 0.35  # share of the time a port is taken, for the cycles it has seen (assumption)
_USUAL_CYCLES = np.array([8_000.0, 12_000.0, 1_500.0])  # of a port in mid life, where its Weibull laws are one


@dataclass(frozen=True)
class Chargers:
    """Chargers as parallel arrays, those of a site together and in its order; `site` is an index into the network."""

    site: np.ndarray
    number: np.ndarray  # 1, 2, ... within the site
    first: np.ndarray  # of each site: its first charger
    kind: np.ndarray  # index in CHARGER_TYPES
    power_kw: np.ndarray
    current_a: np.ndarray
    session_minutes: np.ndarray
    version: np.ndarray  # of firmware
    built_day: np.ndarray  # days since 1970
    usual_cycles: np.ndarray
    cycles_per_day: np.ndarray
    hours_constant: np.ndarray  # h, thermal time constant
    rise_k: np.ndarray
    trip_limit_c: np.ndarray
    is_urban: np.ndarray
    frailty: np.ndarray  # (13, n), mean 1
    base_rate: np.ndarray  # (13, n), per hour, frailty included

    def __len__(self) -> int:
        return len(self.site)

    def some(self, rows: np.ndarray) -> "Chargers":
        """Those at `rows`; `first` stays as it is and so no longer belongs to them."""
        columns = {name: values[..., rows] for name, values in vars(self).items() if name != "first"}
        return Chargers(first=self.first, **columns)

    def per_site(self, values: np.ndarray) -> np.ndarray:
        """Sum of a value per charger over each site."""
        return np.add.reduceat(values, self.first)


def chargers(network: Network, scenario: Scenario, seed: int) -> Chargers:
    """The chargers of `network`; frailty and build are of `seed` alone, so that scenarios differ only as they say."""
    site = np.repeat(np.arange(len(network)), network.ports)
    return built(
        site,
        scenario,
        seed,
        kind=network.charger,
        power_kw=network.power_kw,
        session_minutes=network.session_minutes,
        busyness=network.busyness,
        operator=network.operator,
        is_urban=network.location == LOCATION_TYPES.index("Urban Center"),
    )


def built(site: np.ndarray, scenario: Scenario, seed: int, *, kind, power_kw, session_minutes, busyness, operator,
          is_urban, turn: np.ndarray | None = None) -> Chargers:  # fmt: skip
    """The chargers at `site` (indices of sites, ascending, none left out), the rest per site; see `Chargers`.

    Luck is drawn in their order, or in that of `turn` (a permutation): the same in the same order are the same.
    """
    first = np.searchsorted(site, np.arange(len(kind)))
    u = Streams(seed).generator("failures", "chargers").random((len(site), 8 + len(CAUSES)))
    u = u if turn is None else u[turn]
    frailty = _frailty(u[:, 0], u[:, 8:], _site_draws(len(kind), seed)[site], scenario)
    cycles_per_day = busyness[site] * _TURNOVER * 1440 / session_minutes[site]
    heat, effects, kind = scenario.heat, scenario.effects, kind[site]
    return Chargers(
        site=site,
        number=np.arange(len(site)) - first[site] + 1,
        first=first,
        kind=kind,
        power_kw=power_kw[site],
        current_a=power_kw[site] * 1000 / _VOLTS[kind],
        session_minutes=session_minutes[site],
        version=((u[:, 1] * 3).astype(int) + 3 * operator[site]) % VERSIONS,
        built_day=_FIRST_DAY + (u[:, 2] * _DAYS_OF_BUILDING).astype(int),
        usual_cycles=_USUAL_CYCLES[kind],
        cycles_per_day=cycles_per_day,
        hours_constant=np.where(kind == LEVEL_2, heat.level_2_hours, heat.dc_hours),
        rise_k=heat.rise_k * np.exp(heat.rise_spread * _normal(u[:, 3]) * (effects.kinds > 0)),
        trip_limit_c=effects.trip_limit_c + effects.trip_spread_k * _normal(u[:, 4]),
        is_urban=is_urban[site],
        frailty=frailty,
        base_rate=frailty * _rates_per_hour(kind, scenario),
    )


def _rates_per_hour(kind: np.ndarray, scenario: Scenario) -> np.ndarray:
    """Mean hazard of each cause (13, n) per hour; between the kinds' mean and their own by `effects.kinds`."""
    dc, level_2 = column("dc_per_year")[:, None], column("level_2_per_year")[:, None]
    mean = (dc + level_2) / 2
    own = np.where(kind == LEVEL_2, level_2, dc)
    return scenario.rates * (mean + scenario.effects.kinds * (own - mean)) / HOURS_PER_YEAR


def _frailty(shared: np.ndarray, own: np.ndarray, site: np.ndarray, scenario: Scenario) -> np.ndarray:
    """Gamma frailties (13, n) of mean 1: one that a port's causes share, times one per cause; grid's is of the site."""
    e = scenario.effects
    port = gamma_frailty(shared, e.frailty_variance, e.frailty_most)
    per_cause = column("frailty_variance") * min(e.frailty_variance, 1)
    frailty = np.stack([gamma_frailty(u, v, e.frailty_most) for u, v in zip(own.T, per_cause, strict=True)]) * port
    frailty[GRID] = gamma_frailty(site, per_cause[GRID], e.frailty_most)
    return frailty


def gamma_frailty(u: np.ndarray, variance: float, most: float) -> np.ndarray:
    """Gamma numbers of mean 1 and a variance from uniform ones, cut at about `most`; all 1 without variance."""
    if variance <= 0:
        return np.ones_like(u)
    middle = (np.arange(20_000) + 0.5) / 20_000
    mean = (gammaincinv(1 / variance, middle) * variance).clip(max=most).mean()
    return (gammaincinv(1 / variance, u) * variance).clip(max=most) / mean


def _site_draws(sites: int, seed: int) -> np.ndarray:
    return Streams(seed).generator("failures", "sites").random(sites)


def _normal(u: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(u.clip(1e-6, 1 - 1e-6))
