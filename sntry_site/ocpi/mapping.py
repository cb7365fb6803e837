"""Sntry's words as OCPI's: pure, from plain values to the objects of the protocol."""

import re
from datetime import UTC, datetime
from decimal import Decimal

UNKNOWN_TEXT = "#NA"  # what the protocol has for a required text that is not known
STATUS = {
    "AVAILABLE": "AVAILABLE", "PREPARING": "CHARGING", "CHARGING": "CHARGING", "FINISHING": "CHARGING",
    "RESERVED": "RESERVED", "UNAVAILABLE": "INOPERATIVE", "FAULTED": "OUTOFORDER", "OFFLINE": "UNKNOWN",
    "UNKNOWN": "UNKNOWN",
}  # fmt: skip
# What may stand in a connector's type, in small letters -> OCPI; the first that is found counts.
STANDARDS = (
    ("j3400", "SAE_J3400"), ("nacs", "SAE_J3400"), ("tesla", "TESLA_S"), ("chademo", "CHADEMO"),
    ("ccs2", "IEC_62196_T2_COMBO"), ("combo 2", "IEC_62196_T2_COMBO"), ("ccs", "IEC_62196_T1_COMBO"),
    ("combo", "IEC_62196_T1_COMBO"), ("j1772", "IEC_62196_T1"), ("type 1", "IEC_62196_T1"),
    ("type 2", "IEC_62196_T2"), ("mennekes", "IEC_62196_T2"),
)  # fmt: skip
USUAL_STANDARD = {"Level 2": "IEC_62196_T1", "Tesla DC Fast": "TESLA_S"}
AC_VOLTS, DC_VOLTS, HIGH_DC_VOLTS, HIGH_DC_KW = 240, 500, 1000, 150
SCALE = Decimal("0.0001")


def moment(at: datetime) -> str:
    """UTC with Z, to the millisecond, rounded down: who asks from there on misses nothing."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def text(value: str, longest: int) -> str:
    """Printable characters only, cut to what the field holds; what is not known has a word of its own."""
    printable = "".join(letter for letter in value if letter.isprintable()).strip()
    return printable[:longest].strip() or UNKNOWN_TEXT


def ascii_or_none(value: str, longest: int) -> str | None:
    """`value` where it fits as it is, because a part of a name could be another name."""
    return value if re.fullmatch(rf"[!-~][ -~]{{0,{longest - 1}}}", value) else None


def status_of(status: str | None) -> str:
    """OCPI's status of an EVSE; of which nothing was ever heard is not known."""
    return STATUS.get(status or "UNKNOWN", "UNKNOWN")


def standard_of(connector_type: str, charger_type: str, version: str) -> str:
    """The standard of a connector; NACS has a name of its own from 2.3.0 on."""
    said = connector_type.lower()
    found = next((standard for word, standard in STANDARDS if word in said), None)
    found = found or USUAL_STANDARD.get(charger_type, "IEC_62196_T1_COMBO")
    return "TESLA_S" if found == "SAE_J3400" and version == "2.2.1" else found


def connector(charger: dict, tariff_ids: list[str], updated: datetime, version: str) -> dict:
    """The one connector of a charger. Volts and amperes are nominal: they follow from the rated power."""
    standard = standard_of(charger["connector_type"], charger["site__charger_type"], version)
    is_ac = standard in ("IEC_62196_T1", "IEC_62196_T2")
    watts = round(1000 * (charger["power_kw"] or charger["site__power_kw"] or 0))
    volts = AC_VOLTS if is_ac else HIGH_DC_VOLTS if watts >= 1000 * HIGH_DC_KW else DC_VOLTS
    return {
        "id": "1", "standard": standard, "format": "CABLE", "power_type": "AC_1_PHASE" if is_ac else "DC",
        "max_voltage": volts, "max_amperage": -(-watts // volts), "max_electric_power": watts,
        "tariff_ids": tariff_ids, "last_updated": moment(updated),
    }  # fmt: skip


def evse(charger: dict, party: tuple[str, str], tariff_ids: list[str], site_updated: datetime, version: str) -> dict:
    """A charger. What changes of its site's prices changes its connector, and so the EVSE too."""
    updated = max(charger["changed_at"], charger["state__changed_at"] or charger["changed_at"], site_updated)
    made = {
        "uid": str(charger["pk"]), "evse_id": f"{party[0]}*{party[1]}*E{charger['pk']}",
        "status": status_of(charger["state__status"]),
        "connectors": [connector(charger, tariff_ids, updated, version)], "last_updated": moment(updated),
    }  # fmt: skip
    reference = ascii_or_none(charger["external_id"], 16)
    return made | ({"physical_reference": reference} if reference else {})


def location(site: dict, evses: list[dict], party: tuple[str, str], country: str, version: str) -> dict:
    """A site with its EVSEs; `site` holds the columns of the query in locations.py."""
    made = {
        "country_code": party[0], "party_id": party[1], "id": str(site["pk"]), "publish": True,
        "name": text(site["name"], 255), "address": UNKNOWN_TEXT, "city": text(site["city"], 45), "country": country,
        "coordinates": {"latitude": f"{site['latitude']:.6f}", "longitude": f"{site['longitude']:.6f}"},
        "evses": evses, "operator": {"name": text(site["operator__name"], 100)},
        "time_zone": site["time_zone"], "last_updated": moment(site["updated"]),
    }  # fmt: skip
    if site["region"].strip():
        made["state"] = text(site["region"], 20)
    if version == "2.3.0" and site["contact_phone"]:
        made["help_phone"] = text(site["contact_phone"], 25)
    return made


def base_tariff_id(site: int, pricing_type: str, price: Decimal) -> str:
    """Of the price without a change: another price is another tariff, so that none is ever edited."""
    return f"{site}-{pricing_type.upper().replace('PER_', '')}-{int(price / SCALE)}"


def change_tariff_id(site: int, change: int) -> str:
    """Of a surge or discount."""
    return f"{site}-C{change}"


def component(pricing_type: str, price: Decimal) -> dict:
    """What a session costs; OCPI has hours where we have minutes."""
    if pricing_type == "free":
        return {"type": "FLAT", "price": 0.0, "step_size": 1}
    if pricing_type == "per_minute":
        return {"type": "TIME", "price": float(price * 60), "step_size": 1}
    return {"type": "ENERGY", "price": float(price), "step_size": 1}


def tariff(row: dict, party: tuple[str, str]) -> dict:
    """A tariff: one price for the whole of a session that starts while the connector names it."""
    made = {
        "country_code": party[0], "party_id": party[1], "id": row["id"], "currency": row["currency"],
        "type": "REGULAR", "elements": [{"price_components": [component(row["pricing_type"], row["price"])]}],
        "last_updated": moment(row["updated"]),
    }  # fmt: skip
    return made | ({"start_date_time": moment(row["starts_at"])} if row.get("starts_at") else {})


def cost(pricing_type: str, price: Decimal, kwh: float, hours: float) -> float:
    """What a session costs, rounded once to four digits; no tax comes on top."""
    if pricing_type == "free":
        return 0.0
    amount = Decimal(repr(hours)) * 60 if pricing_type == "per_minute" else Decimal(repr(kwh))
    return float((price * amount).quantize(SCALE))


def price(amount: float) -> dict:
    """Prices are what a driver pays: with and without tax they are the same."""
    return {"excl_vat": amount, "incl_vat": amount}


def session_status(row: dict) -> str:
    """One that gave no energy and failed is never billed."""
    if row["ended_at"] is None:
        return "ACTIVE"
    return "INVALID" if row["success"] is False and not row["energy_kwh"] else "COMPLETED"


def token(party: tuple[str, str]) -> dict:
    """Who charged is not known here."""
    return {"country_code": party[0], "party_id": party[1], "uid": UNKNOWN_TEXT, "type": "AD_HOC_USER",
            "contract_id": UNKNOWN_TEXT}  # fmt: skip


def session(row: dict, party: tuple[str, str]) -> dict:
    """A charging session; its cost where it is over and its price is known."""
    made = {
        "country_code": party[0], "party_id": party[1], "id": str(row["pk"]),
        "start_date_time": moment(row["started_at"]), "kwh": round(row["energy_kwh"], 4),
        "cdr_token": token(party), "auth_method": "WHITELIST", "location_id": str(row["charger__site_id"]),
        "evse_uid": str(row["charger_id"]), "connector_id": "1", "currency": row["currency"],
        "status": session_status(row), "last_updated": moment(row["changed_at"]),
    }  # fmt: skip
    if row["ended_at"]:
        made["end_date_time"] = moment(row["ended_at"])
        if row["price"] is not None:
            made["total_cost"] = price(_cost_of(row))
    return made


def cdr(row: dict, party: tuple[str, str], country: str, tariff_of: dict) -> dict:
    """What is billed of a session that is over: with its own tariff, whatever the price is now."""
    hours = _hours(row)
    amount = _cost_of(row)
    plug = connector(row["charger"], [], row["changed_at"], "2.2.1")
    return {
        "country_code": party[0], "party_id": party[1], "id": str(row["pk"]), "session_id": str(row["pk"]),
        "start_date_time": moment(row["started_at"]), "end_date_time": moment(row["ended_at"]),
        "cdr_token": token(party), "auth_method": "WHITELIST", "currency": row["currency"],
        "cdr_location": {
            "id": str(row["charger__site_id"]), "name": text(row["charger__site__name"], 255),
            "address": UNKNOWN_TEXT, "city": text(row["charger__site__city"], 45), "country": country,
            "coordinates": {"latitude": f"{row['charger__site__latitude']:.6f}",
                            "longitude": f"{row['charger__site__longitude']:.6f}"},
            "evse_uid": str(row["charger_id"]), "evse_id": f"{party[0]}*{party[1]}*E{row['charger_id']}",
            "connector_id": "1", "connector_standard": plug["standard"], "connector_format": plug["format"],
            "connector_power_type": plug["power_type"],
        },
        "tariffs": [tariff_of],
        "charging_periods": [{
            "start_date_time": moment(row["started_at"]), "tariff_id": tariff_of["id"],
            "dimensions": [{"type": "ENERGY", "volume": round(row["energy_kwh"], 4)},
                           {"type": "TIME", "volume": round(hours, 4)}],
        }],
        "total_cost": price(amount), "total_energy": round(row["energy_kwh"], 4), "total_time": round(hours, 4),
        "last_updated": moment(row["changed_at"]),
    }  # fmt: skip


def _hours(row: dict) -> float:
    return (row["ended_at"] - row["started_at"]).total_seconds() / 3600


def _cost_of(row: dict) -> float:
    return cost(row["charger__site__pricing_type"], row["price"], row["energy_kwh"], _hours(row))
