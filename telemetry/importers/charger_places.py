"""Where chargers belong that a file of status reports or sessions names, and nobody has met before."""

from stations.models import Charger, Operator, Site

from ..models import SiteState
from .report import ImportRefused

OPERATOR, SITE, SITE_NAME = "Imported", "IMPORTED", "Imported chargers"

_CREATE_SITES = """
INSERT INTO stations_site (operator_id, external_id, name, city, region, location_type, charger_type, power_kw,
    ports_total, amenities, pricing_type, base_price, session_minutes)
SELECT %s, external_id, external_id, '', '', 'Unknown', 'Unknown', 0, 0, '', 'per_kwh', 0, 35
FROM unnest(%s::text[]) external_id ON CONFLICT (external_id) DO NOTHING
"""
_CREATE = """
INSERT INTO stations_charger (site_id, external_id, cabinet_id, cabinet_port, connector_type, model, power_kw)
SELECT site.id, named.charger_id, '', 1, '', '', 0
FROM unnest(%s::text[], %s::text[]) AS named (charger_id, site_id)
JOIN stations_site site ON site.external_id = named.site_id
ON CONFLICT (external_id) DO NOTHING
RETURNING site_id
"""
_COUNT = """
UPDATE stations_site site SET ports_total = (SELECT count(*) FROM stations_charger WHERE site_id = site.id)
WHERE id = ANY(%s)
"""


def shared_site(external_id: str | None, operator: str | None, member=None) -> str:
    """The external id of the site for unknown chargers: the one asked for, which is made if need be, or a common one.

    Raises ImportRefused if the site exists and belongs to another operator than the one asked for.
    """
    wanted = external_id or SITE
    Operator.objects.ensure([operator or OPERATOR], member=member)
    owner = Operator.objects.get(name=operator or OPERATOR)
    name = external_id or SITE_NAME
    site, _ = Site.objects.get_or_create(external_id=wanted, defaults={"operator": owner, "name": name})
    if operator and site.operator_id != owner.pk:
        raise ImportRefused(f"The site {wanted} belongs to {site.operator}, not to {operator}.")
    return site.external_id


def unknown_chargers(charger_ids: list[str]) -> list[str]:
    """Those of `charger_ids` that nobody has met before."""
    known = set(Charger.objects.filter(external_id__in=charger_ids).values_list("external_id", flat=True))
    return [charger_id for charger_id in charger_ids if charger_id not in known]


def create_sites(cursor, external_ids: list[str], member=None) -> None:
    """Create the sites that are not known yet, without a place on the map."""
    Operator.objects.ensure([OPERATOR], member=member)
    owner = Operator.objects.get(name=OPERATOR)
    cursor.execute(_CREATE_SITES, [owner.pk, external_ids])


def create_chargers(cursor, charger_ids: list[str], site_ids: list[str]) -> str:
    """Create chargers, each at its site (both by external id); say so in words."""
    cursor.execute(_CREATE, [charger_ids, site_ids])
    changed = [site_id for (site_id,) in cursor.fetchall()]
    cursor.execute(_COUNT, [sorted(set(changed))])
    SiteState.objects.ensure()
    return f"{_counted(len(changed), 'charger')} created at {_counted(len(set(changed)), 'site')}"


def create_unknown_chargers(
    cursor, charger_ids: list[str], site: str | None, operator: str | None, member
) -> list[str]:
    """Create those of `charger_ids` that nobody has met before, at the `shared_site`; notes that say so."""
    unknown = unknown_chargers(charger_ids)
    if not unknown:
        return []
    return [create_chargers(cursor, unknown, [shared_site(site, operator, member)] * len(unknown))]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
