"""What one beat of the loop leaves behind: the live rows, and the message that browsers get."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from stations.models import PricingType
from telemetry.risk.loss import expected_loss_per_hour, revenue_at_risk_index

from .beat import levels

PER_MINUTE = 1 + PricingType.values.index(PricingType.PER_MINUTE)
WHOLE_UP_TO_SITES = 500  # larger networks tell only what a person could see change: messages stay under 100 kB


def state_columns(beat) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """The columns of the live rows, and the reasons of those that are worth one."""
    network, measured, level = beat.network, beat.measured, levels(beat.risk)
    out, total = network["ports_out_of_service"], network["ports_total"]
    columns = {
        "site_id": network["site"],
        "ports_available": measured.ports_available.astype("i2"),
        "ports_occupied": measured.ports_occupied.astype("i2"),
        "ports_out_of_service": out,
        "status": np.select([out == 0, network["ports_faulted"] == 0, out < total], [0, 2, 1], 3).astype("i2"),
        "utilization": measured.utilization,
        "wait_minutes": measured.wait_minutes,
        "temperature_f": measured.temperature_f,
        "precipitation_mm": network["precipitation_mm"],
        "weather": network["weather"],
        "gas_price": network["gas_price"],
        "traffic_index": network["traffic_index"],
        "risk": beat.risk,
        "p_any": beat.scores.p_any,
        "level": level,
        "revenue_at_risk": revenue_index(beat),
        "expected_loss": expected_loss(beat),
        "is_stressed": network["stressed"],
    }
    return columns, {int(network["site"][place]): why for place, why in beat.reasons.items()}


def revenue_index(beat) -> np.ndarray:
    price = beat.network["price"] / 10_000
    return revenue_at_risk_index(price, beat.measured.utilization, beat.network["session_minutes"])


def expected_loss(beat) -> np.ndarray:
    """Estimate of what each site loses, in money per hour."""
    network, measured = beat.network, beat.measured
    return expected_loss_per_hour(
        network["price"] / 10_000,
        network["pricing_type"] == PER_MINUTE,
        network["power_kw"],
        measured.utilization,
        measured.ports_available + measured.ports_occupied,
        network["ports_out_of_service"],
        beat.risk,
    )


def tick_message(beat, version: int, previous: int) -> dict:
    """What browsers are told: the sites that look different now, as parallel lists."""
    return {
        "version": version,
        "previous": previous,
        "at": iso(beat.at),
        "scorer": beat.scorer,
        "sites": changed_sites(beat),
    }


def changed_sites(beat) -> dict[str, list]:
    """The columns of the sites that look different since their last beat; of a small network, all of them."""
    network, measured, level = beat.network, beat.measured, levels(beat.risk)
    look = [
        (network["old_out_of_service"], network["ports_out_of_service"], 1),
        (network["old_utilization"], measured.utilization, 0.2),
        (network["old_risk"], beat.risk, 0.1),
        (network["was_stressed"], network["stressed"], 1),
        (levels(network["old_risk"]), level, 1),
    ]
    changed = np.isin(network["site"], list(beat.new_prices)) | (len(network) <= WHOLE_UP_TO_SITES)
    for old, new, precision in look:
        changed |= np.rint(old / precision) != np.rint(new / precision)
    places = np.flatnonzero(changed)
    prices = [
        beat.new_prices.get(site, Decimal(price).scaleb(-4))
        for site, price in zip(network["site"][places].tolist(), network["price"][places].tolist(), strict=True)
    ]
    return {
        "id": network["site"][places].tolist(),
        "operator": network["operator"][places].tolist(),
        "available": measured.ports_available[places].tolist(),
        "occupied": measured.ports_occupied[places].tolist(),
        "out": network["ports_out_of_service"][places].tolist(),
        "utilization": percent(measured.utilization[places]),
        "risk": percent(beat.risk[places]),
        "level": level[places].tolist(),
        "price": [money(price) for price in prices],
        "wait": np.rint(measured.wait_minutes[places]).astype(int).tolist(),
        "temperature": np.rint(measured.temperature_f[places]).astype(int).tolist(),
        "loss": [f"{value:.2f}" for value in expected_loss(beat)[places]],
        "index": np.round(revenue_index(beat)[places], 1).tolist(),
        "reason": [beat.reasons.get(place, "") for place in places.tolist()],
        "stressed": network["stressed"][places].tolist(),
    }


def iso(at: datetime) -> str:
    """A time as JSON carries it: UTC, ending in Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def money(amount: Decimal | None) -> str | None:
    """An amount as JSON carries it: a decimal string with at least two digits after the point."""
    if amount is None:
        return None
    short = amount.quantize(Decimal("0.01"))
    return str(short if short == amount else amount)


def percent(share: np.ndarray) -> list[int]:
    """Shares (0-1) as whole percents."""
    return np.rint(100 * share).astype(int).tolist()
