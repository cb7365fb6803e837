"""Operators, sites and chargers as a file of readings describes them."""

from dataclasses import dataclass, field

import numpy as np

from stations.models import Operator

from .parsing import Parsed
from .reading_shape import CHARGER_TYPES, LOCATION_TYPES, PLACE_COLUMNS, PRICING_TYPES
from .staging import Names

_WORDS = {"location_type": LOCATION_TYPES, "charger_type": CHARGER_TYPES, "pricing_type": PRICING_TYPES}

_SITES = """
INSERT INTO stations_site AS site (operator_id, external_id, name, city, region, latitude, longitude, location_type,
    charger_type, power_kw, amenities, ports_total, pricing_type, base_price, session_minutes)
SELECT operator.id, external_id, place.name, city, region, latitude, longitude, location_type, charger_type, power_kw,
    amenities, ports_total, pricing_type, 0, 35
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::text[],
    %s::text[], %s::float8[], %s::text[], %s::int[], %s::text[])
    AS place (network, external_id, name, city, region, latitude, longitude, location_type, charger_type, power_kw,
        amenities, ports_total, pricing_type)
JOIN stations_operator operator ON operator.name = place.network
ON CONFLICT (external_id) DO UPDATE SET
    operator_id = excluded.operator_id, name = excluded.name, city = excluded.city, region = excluded.region,
    latitude = excluded.latitude, longitude = excluded.longitude, location_type = excluded.location_type,
    charger_type = excluded.charger_type, power_kw = excluded.power_kw, amenities = excluded.amenities,
    ports_total = excluded.ports_total, pricing_type = excluded.pricing_type,
    base_price = CASE WHEN excluded.pricing_type = 'free' THEN 0 ELSE site.base_price END
WHERE (site.operator_id, site.name, site.city, site.region, site.latitude, site.longitude, site.location_type,
    site.charger_type, site.power_kw, site.amenities, site.ports_total, site.pricing_type)
    IS DISTINCT FROM (excluded.operator_id, excluded.name, excluded.city, excluded.region, excluded.latitude,
    excluded.longitude, excluded.location_type, excluded.charger_type, excluded.power_kw, excluded.amenities,
    excluded.ports_total, excluded.pricing_type)
"""

_CHARGERS = """
INSERT INTO stations_charger (site_id, external_id, cabinet_id, cabinet_port, connector_type, model, power_kw)
SELECT site.id, site.external_id || '-' || port, site.external_id || '-C' || (port + 1) / 2, 2 - port %% 2, '', '',
    site.power_kw
FROM stations_site site, generate_series(1, site.ports_total) port
WHERE site.external_id = ANY(%s)
ON CONFLICT DO NOTHING
"""


@dataclass
class Places:
    """The stations of a file, numbered as they turn up, each with the attributes of its latest row."""

    ids: Names = field(default_factory=Names)
    attributes: list[tuple] = field(default_factory=list)
    latest: list[int] = field(default_factory=list)
    differing: set[int] = field(default_factory=set)

    def add(self, parsed: Parsed) -> np.ndarray:
        """Take in the places of a block, and return the number of each row's station."""
        values = parsed.values
        station = self.ids.numbers(parsed, "station_id")
        self.attributes += [()] * (len(self.ids.texts) - len(self.attributes))
        self.latest += [-(2**62)] * (len(self.ids.texts) - len(self.latest))
        order = np.lexsort((parsed.lines, values["timestamp"], station))
        ordered = station[order]
        is_last = np.append(ordered[1:] != ordered[:-1], True) if len(order) else np.zeros(0, bool)
        changes = np.zeros(max(len(order) - 1, 0), bool)
        for name in PLACE_COLUMNS:
            column = values[name][order]
            changes |= column[1:] != column[:-1]
        self.differing.update(ordered[:-1][changes & ~is_last[:-1]].tolist())
        self._take(parsed, order[is_last], ordered[is_last])
        return station

    def _take(self, parsed: Parsed, rows: np.ndarray, stations: np.ndarray) -> None:
        moments = parsed.values["timestamp"][rows].astype("M8[us]").astype(np.int64).tolist()
        columns = [_read_back(parsed, name, rows) for name in PLACE_COLUMNS]
        for station, moment, *attributes in zip(stations.tolist(), moments, *columns, strict=True):
            known = self.attributes[station]
            if known and known != tuple(attributes):
                self.differing.add(station)
            if moment >= self.latest[station]:
                self.attributes[station], self.latest[station] = tuple(attributes), moment

    def store(self, cursor, simulated: bool, member=None) -> dict[str, int]:
        """Create what is new, change what is different, and say how many of each kind were written."""
        rows = [dict(zip(PLACE_COLUMNS, attributes, strict=True)) for attributes in self.attributes]
        networks = sorted({row["network"] for row in rows})
        counts = {"operators": Operator.objects.ensure(networks, is_simulated=simulated, member=member)}
        columns = {name: [row[name] for row in rows] for name in PLACE_COLUMNS}
        names = [name for name in PLACE_COLUMNS if name not in ("station_name", "network")]
        lists = [columns["network"], self.ids.texts, columns["station_name"], *(columns[name] for name in names)]
        cursor.execute(_SITES, lists)
        counts["sites"] = cursor.rowcount
        cursor.execute(_CHARGERS, [self.ids.texts])
        counts["chargers"] = cursor.rowcount
        return counts


def _read_back(parsed: Parsed, name: str, rows: np.ndarray) -> list:
    """A column's values in `rows` as Python values."""
    values = parsed.values[name][rows].tolist()
    if name in parsed.texts:
        return [parsed.texts[name][code] for code in values]
    if name in _WORDS:
        return [_WORDS[name][code] for code in values]
    return [int(value) for value in values] if name == "ports_total" else values
