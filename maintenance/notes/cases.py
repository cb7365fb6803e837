"""All that is known about incidents when their notes are written: a fixed number of queries, however many they are."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, Sum, Window
from django.db.models.functions import RowNumber

from maintenance.models import DriverReport, Incident, RemoteAttempt, WorkOrder
from maintenance.plain_text import readable
from stations.models import Charger
from telemetry.models import Cause, ChargerStatus, SoftEvents, StatusReport
from telemetry.models.soft_events import COUNTS
from telemetry.models.status import FAULT_STATES

from .note import DANGER, Case, numbered

MOST_MEMBERS = 5
LAST_REPORTS, REPORTS_WITHIN = 4, timedelta(days=2)
SOFT_WITHIN = timedelta(days=1)
REPAIRS_WITHIN, LAST_REPAIRS = timedelta(days=180), 3
WORDS = 160  # longest text of a fact

Told = dict[int, list[tuple[str, str]]]  # site, charger or incident -> facts (kind, text)


def cases_of(incident_ids: list[int]) -> list[Case]:
    """The case of each incident, in the order of their ids."""
    about = ("site__state", "charger__state", "diagnosis")
    incidents = list(Incident.objects.filter(pk__in=incident_ids).select_related(*about).order_by("pk"))
    if not incidents:
        return []
    members = _members([one.pk for one in incidents if not one.charger_id])
    chargers = [one.charger_id for one in incidents if one.charger_id] + [pk for of in members.values() for pk in of]
    last = max(one.opened_at for one in incidents)
    of_chargers = [_reports(chargers, last), _soft_events(chargers, last), _past_repairs(chargers, last)]
    of_sites, of_incidents = (
        _ports({one.site_id for one in incidents}),
        _tried_and_reported([one.pk for one in incidents]),
    )
    return [_case(one, members.get(one.pk, {}), of_chargers, of_sites, of_incidents) for one in incidents]


def _case(incident: Incident, members: dict[int, str], of_chargers: list[Told], of_sites: Told, tried: Told) -> Case:
    told = _own_facts(incident) + _site_facts(incident) + of_sites.get(incident.site_id, [])
    told += tried.get(incident.pk, [])
    for facts in of_chargers:
        told += facts.get(incident.charger_id, [])
    for charger, name in members.items():
        told += [(kind, f"{name}: {text}") for kind, text in of_chargers[0].get(charger, [])[:1]]
    diagnosis = incident.diagnosis
    return Case(
        incident_id=incident.pk,
        where=readable(str(incident.charger or incident.site), 80),
        cause=incident.cause,
        confidence=diagnosis.confidence if diagnosis and diagnosis.cause == incident.cause else None,
        others=tuple((cause, chance) for cause, chance in (diagnosis.others if diagnosis else [])),
        facts=numbered([(kind, readable(text, WORDS)) for kind, text in told]),
    )


def _own_facts(incident: Incident) -> list[tuple[str, str]]:
    facts = [("incident", f"opened {_at(incident.opened_at)} by {incident.get_source_display()}: {incident.summary}")]
    if incident.risk is not None:
        facts.append(("risk", f"risk of an outage within 24 h when it was opened: {incident.risk:.0%}"))
    if incident.diagnosis:
        facts.append(("diagnosis", f"{incident.diagnosis}, told from: {incident.diagnosis.evidence}"))
    if len(others := incident.diagnosis.likeliest if incident.diagnosis else []) > 1:
        facts.append(("other causes", ", ".join(f"{name} {chance:.0%}" for name, chance in others[1:])))
    if incident.charger:
        charger = incident.charger
        known = [charger.model, charger.connector_type, f"{charger.power_kw:g} kW"]
        facts.append(("charger", ", ".join(filter(None, known))))
        facts += _state(charger)
    return facts


def _state(charger) -> list[tuple[str, str]]:
    """What the charger says now, since when."""
    state = getattr(charger, "state", None)
    if state is None or state.since is None:
        return []
    codes = ", ".join(filter(None, [state.error_code, state.vendor_code]))
    said = f"{ChargerStatus(state.status).label} since {_at(state.since)}"
    return [("status", f"{said}: {codes}" if codes else said)]


def _site_facts(incident: Incident) -> list[tuple[str, str]]:
    state = getattr(incident.site, "state", None)
    if state is None or state.at is None:
        return []
    load, usual = f"{state.utilization:.0%}", f"{state.usual_utilization:.0%}"
    celsius = (state.temperature_f - 32) / 1.8
    return [("site", f"load {load} (usually {usual}), outside temperature {celsius:.0f} °C, at {_at(state.at)}")]


def _reports(chargers: list[int], last: datetime) -> Told:
    """The last reports of each charger, newest first."""
    place = Window(RowNumber(), partition_by="charger", order_by=F("reported_at").desc())
    rows = StatusReport.objects.filter(charger__in=chargers, reported_at__gte=last - REPORTS_WITHIN)
    rows = rows.annotate(place=place).filter(place__lte=LAST_REPORTS).order_by("charger", "place")
    told: Told = defaultdict(list)
    for report in rows:
        codes = [code for code in (report.error_code, report.vendor_code) if code]
        heat = "" if report.temperature_c is None else f", {report.temperature_c:.0f} °C"
        said = f"{_at(report.reported_at)} {ChargerStatus(report.status).label}{heat}"
        told[report.charger_id].append(("status", f"{said}: {', '.join(codes)}" if codes else said))
    return told


def _members(incident_ids: list[int]) -> dict[int, dict[int, str]]:
    """The chargers under each incident of a whole site, with their names: a few, because they tell much the same."""
    under = Incident.chargers.through.objects.filter(incident__in=incident_ids)
    members: dict[int, dict[int, str]] = defaultdict(dict)
    for incident, charger, name in under.order_by("charger").values_list("incident", "charger", "charger__external_id"):
        if len(members[incident]) < MOST_MEMBERS:
            members[incident][charger] = name
    return members


def _tried_and_reported(incident_ids: list[int]) -> Told:
    """What was tried from afar and what the chargers answered, and what drivers have said: a few of each."""
    told: Told = defaultdict(list)
    counts: Counter = Counter()
    for model, kind in ((RemoteAttempt, "tried from afar"), (DriverReport, "driver")):
        for row in model.objects.filter(incident__in=incident_ids).order_by("-pk"):
            is_danger = kind == "driver" and row.problem == DriverReport.Problem.DANGER
            counts[row.incident_id, kind] += 1
            if is_danger or counts[row.incident_id, kind] <= MOST_MEMBERS:
                told[row.incident_id].append((DANGER if is_danger else kind, str(row)))
    return told


def _soft_events(chargers: list[int], last: datetime) -> Told:
    """What each charger let slip within a day before."""
    rows = SoftEvents.objects.filter(charger__in=chargers, at__gte=last - SOFT_WITHIN, at__lte=last)
    told: Told = {}
    for row in rows.values("charger").annotate(**{f"sum_{name}": Sum(name) for name in COUNTS}).order_by("charger"):
        counts = {name.replace("_", " "): row[f"sum_{name}"] for name in COUNTS if row[f"sum_{name}"]}
        if counts:
            text = ", ".join(f"{count} {name}" for name, count in counts.items())
            told[row["charger"]] = [("soft events", f"in the day before: {text}")]
    return told


def _past_repairs(chargers: list[int], last: datetime) -> Told:
    """What was found at each charger in the last half-year."""
    place = Window(RowNumber(), partition_by="charger", order_by=F("opened_at").desc())
    found = WorkOrder.objects.filter(charger__in=chargers, opened_at__gte=last - REPAIRS_WITHIN).exclude(found_cause="")
    found = found.annotate(place=place).filter(place__lte=LAST_REPAIRS).order_by("charger", "place")
    told: Told = defaultdict(list)
    for order in found:
        cause = Cause(order.found_cause).label if order.found_cause in Cause.values else order.found_cause
        told[order.charger_id].append(("past repair", f"{order.opened_at:%Y-%m-%d}: {cause}"))
    return told


def _ports(sites: set[int]) -> Told:
    """How many ports of each site do not work now."""
    out = Count("pk", filter=Q(state__status__in=FAULT_STATES))
    rows = Charger.objects.filter(site__in=sites).values("site").annotate(all=Count("pk"), out=out).order_by("site")
    return {row["site"]: [("siblings", f"{row['out']} of the site's {row['all']} ports do not work")] for row in rows}


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
