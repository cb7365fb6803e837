"""The 33 columns of the station data set, and what must hold within a row."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from stations.models import PricingType
from stations.models.places import ChargerType, LocationType
from telemetry.risk.features import PEAK_HOURS

from ..models import LocalEvent, SiteStatus, Weather
from .columns import Loose, Moment, Number, Text, Word
from .parsing import Shape

MOST_PORTS = 1000
PLACE_COLUMNS = (
    "station_name", "network", "city", "state", "latitude", "longitude", "location_type", "charger_type",
    "power_output_kw", "amenities_nearby", "ports_total", "pricing_type",
)  # fmt: skip
PORTS = Number(0, MOST_PORTS, whole=True)
LOCATION_TYPES, CHARGER_TYPES, PRICING_TYPES = LocationType.values, ChargerType.values, PricingType.values


def reading_shape(zone: ZoneInfo, latest: datetime) -> Shape:
    """The data set's shape, for wall-clock times of `zone` that are not after `latest`."""
    columns = {
        "station_id": Text(58),  # because "-1000" is added for its chargers
        "station_name": Text(200),
        "network": Text(100),
        "city": Text(100, required=False),
        "state": Text(50, required=False),
        "latitude": Number(-90, 90),
        "longitude": Number(-180, 180),
        "location_type": Word(_numbered(LOCATION_TYPES)),
        "charger_type": Word(_numbered(CHARGER_TYPES)),
        "power_output_kw": Number(0, 10_000),
        "amenities_nearby": Text(500, required=False),
        "ports_total": Number(1, MOST_PORTS, whole=True),
        "ports_available": PORTS,
        "ports_occupied": PORTS,
        "ports_out_of_service": PORTS,
        "utilization_rate": Number(0, 1),
        "station_status": Word(_labelled(SiteStatus)),
        "estimated_wait_time_mins": Number(0, 10_000),
        "avg_session_duration_mins": Number(0, 10_000),
        "current_price": Number(0, 9_999),
        "pricing_type": Word(_numbered(PRICING_TYPES)),
        "temperature_f": Number(-150, 250),
        "precipitation_mm": Number(0, 2_000),
        "weather_condition": Word(_labelled(Weather)),
        "gas_price_per_gallon": Number(0, 999),
        "traffic_congestion_index": Number(0, 10),
        "local_event": Word(_labelled(LocalEvent)),
        "timestamp": Moment(zone, latest),
        "hour_of_day": Loose(),
        "day_of_week": Loose(),
        "month": Loose(),
        "is_weekend": Loose(),
        "is_peak_hour": Loose(),
    }
    return Shape(columns, (("ports_total", "is not the sum of available, occupied and out of service", _add_up),))


def disagreeing_rows(values: dict[str, np.ndarray], zone: ZoneInfo) -> int:
    """How many rows have an hour, weekday, month or flag that does not follow from their own time."""
    unique, index = np.unique(values["timestamp"], return_inverse=True)
    local = _local(unique, zone)
    hour, day = local.astype("M8[h]").astype(int) % 24, (local.astype("M8[D]").astype(int) + 3) % 7
    expected = {
        "hour_of_day": hour,
        "day_of_week": day,
        "month": local.astype("M8[M]").astype(int) % 12 + 1,
        "is_weekend": day >= 5,
        "is_peak_hour": np.isin(hour, PEAK_HOURS),
    }
    wrong = np.zeros(len(index), bool)
    for name, right in expected.items():
        wrong |= values[name] != right[index]
    return int(wrong.sum())


def _local(moments: np.ndarray, zone: ZoneInfo) -> np.ndarray:
    """Wall-clock times of `zone`."""
    if zone.key == "UTC":
        return moments
    local = [at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for at in moments.tolist()]
    return np.array(local, "M8[us]")


def _add_up(values) -> np.ndarray:
    parts = values["ports_available"] + values["ports_occupied"] + values["ports_out_of_service"]
    return parts == values["ports_total"]


def _numbered(words: list[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate(words)}


def _labelled(choices) -> dict[str, int]:
    return {choice.label: choice.value for choice in choices}
