"""Planned work at one beat: chargers go out of service for its time and come back, and that counts as planned."""

from collections import defaultdict
from datetime import datetime

from maintenance.models import PlannedSpell
from telemetry.live_fleet import LiveFleet
from telemetry.models import ChargerState, Outage, StatusReport
from telemetry.models.outages import Exclusion
from telemetry.models.status import PLANNED_WORK

IDLE = ("AVAILABLE", "RESERVED", "UNKNOWN")  # a car that charges is not thrown off; the charger follows when it leaves


def keep_planned_work(at: datetime, fleet: LiveFleet) -> set[int]:
    """Take chargers of planned work out of service, and bring back those whose work is done.

    Returns the chargers at which it is under way: what they report now is no failure.
    """
    running, ended = PlannedSpell.objects.carry_on(at)
    rows = PlannedSpell.objects.chargers_of(running)
    still = {charger for _, charger, *_ in rows}
    # By what chargers say and not by what ended: work may overlap, be deleted, or lose a charger while it is under way.
    back = sorted(ChargerState.objects.out_for_planned_work() - still)
    fleet.service(back)
    _report(back, "AVAILABLE", at)
    out = [charger for _, charger, status, _ in rows if status in IDLE]
    fleet.take_out(out)
    _report(out, "UNAVAILABLE", at, PLANNED_WORK)
    _excuse([*rows, *PlannedSpell.objects.chargers_of(ended)])
    return still


def _report(chargers: list[int], status: str, at: datetime, vendor_code: str = "") -> None:
    if chargers:
        columns = ([value] * len(chargers) for value in (at, status, "", None, vendor_code))
        StatusReport.objects.record(chargers, *columns)


def _excuse(rows: list[tuple]) -> None:
    """Outages that began and ended within their work do not count; what was out before, or stays so, is a failure."""
    spells_of = defaultdict(list)
    for spell, charger, *_ in rows:
        spells_of[charger].append(spell)
    if not spells_of:
        return
    earliest = min(spell.starts_at for spell, *_ in rows)
    outages = Outage.objects.filter(charger__in=spells_of, started_at__gte=earliest, excluded_reason="")
    excused = defaultdict(list)
    for outage in outages.filter(ended_at__isnull=False):
        for spell in spells_of[outage.charger_id]:
            if spell.starts_at <= outage.started_at and outage.ended_at <= spell.ends_at:
                excused[spell.evidence].append(outage.pk)
    for evidence, ids in excused.items():
        Outage.objects.mark_excluded(ids, Exclusion.SCHEDULED_MAINTENANCE, evidence)
