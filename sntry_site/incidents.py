"""What goes wrong, at one beat: incidents with how bad they are, and what is tried from afar before anybody is sent."""

from datetime import datetime

import numpy as np

from maintenance.grouping import Group, Out, groups
from maintenance.models import Incident, RemoteAttempt
from maintenance.models.incidents import Opening
from maintenance.sending import tell_causes
from maintenance.severity import named, severities
from stations.models import Charger
from telemetry.live_fleet import LiveFleet
from telemetry.models import ChargerState, Diagnosis, Outage, StatusReport
from telemetry.models.status import OutCharger
from telemetry.risk.cause_rules import by_codes
from telemetry.simulation import ladder

NO_ANSWER, NOT_SENT = "no answer", "not sent: a car is charging at the same cabinet"


def note_failures(at: datetime, fleet: LiveFleet, at_work: set[int]) -> list[OutCharger]:
    """Open incidents of what has failed for longer than noise lasts, close what is well again, and try from afar.

    Returns the chargers that are out, but for those `at_work`: somebody is at them by plan.
    """
    silent = ChargerState.objects.gone_silent(at)
    StatusReport.objects.record(silent, [at] * len(silent), ["OFFLINE"] * len(silent))
    out = ChargerState.objects.out_long_enough(at, Incident.objects.chargers_of_open())
    out = [charger for charger in out if charger.charger not in at_work]
    fleet.out = {charger.charger: charger for charger in out}
    new = open_incidents(out, at)
    try_from_afar(out, new, at, fleet)
    Incident.objects.close_well_again(at)
    return out


def open_incidents(out: list[OutCharger], at: datetime) -> set[int]:
    """Open an incident of each failure that none is about yet; failures of a whole site are one.

    Returns the chargers that they are about.
    """
    covered = Incident.objects.covered([charger.charger for charger in out])
    new = [charger for charger in out if charger.charger not in covered]
    if not new:
        return set()
    sites = {charger.site for charger in new}
    here = [charger for charger in out if charger.site in sites]
    causes = Diagnosis.objects.of_outages({charger.charger: charger.since for charger in here})
    plain = {
        charger.charger: Out(charger.charger, charger.site, _cause(charger, causes.get(charger.charger)))
        for charger in here
    }
    sites_now = ChargerState.objects.sites_now(list(sites))
    found = groups(
        [plain[charger.charger] for charger in new],
        [plain[charger.charger] for charger in here if charger.charger in covered],
        {site: now.chargers for site, now in sites_now.items()},
    )
    rated = rate([(group.site, group.cause, group.chargers, np.nan) for group in found], at)
    by_id = {charger.charger: charger for charger in new}
    wanted = [
        _opening(group, by_id, sites_now[group.site], causes, severity)
        for group, severity in zip(found, rated, strict=True)
    ]
    tell_causes(Incident.objects.open_for_outages(wanted, at))
    return set(by_id)


def _opening(group: Group, out: dict[int, OutCharger], site, causes: dict, severity: tuple[str, str]) -> Opening:
    first = out[group.chargers[0]]
    diagnosis = causes.get(first.charger)
    told = f"{len(group.chargers)} of {site.chargers} chargers of {site.name} do not work"
    return Opening(
        site_id=group.site,
        charger_id=None if group.is_site else first.charger,
        cause=group.cause,
        source=Incident.Source.STATUS,
        summary=told if group.is_site else f"{first.external_id} reports {first.status.lower()}",
        severity=severity[0],
        reason=severity[1],
        diagnosis_id=diagnosis.pk if diagnosis and diagnosis.cause == group.cause else None,
        members=tuple(group.chargers) if group.is_site else (),
    )


def rate(about: list[tuple[int, str, list[int], float]], at: datetime) -> list[tuple[str, str]]:
    """How bad incidents are, and why: of sites (ids), causes, chargers, and the risk where nothing has happened yet."""
    if not about:
        return []
    sites_now = ChargerState.objects.sites_now([site for site, *_ in about])
    chargers = [charger for *_, those, _ in about for charger in those]
    hours = Outage.objects.hours_of_year(chargers, at) if chargers else {}
    used = [max((hours.get(charger, 0.0) for charger in those), default=np.nan) for *_, those, _ in about]
    working = [sites_now[site].working if site in sites_now else 0 for site, *_ in about]
    loss = [sites_now[site].loss_per_hour if site in sites_now else 0.0 for site, *_ in about]
    level, why = severities([cause for _, cause, *_ in about], working, used, loss, [risk for *_, risk in about])
    return [(named(int(number)).value, reason) for number, reason in zip(level, why, strict=True)]


def try_from_afar(out: list[OutCharger], new: set[int], at: datetime, fleet: LiveFleet) -> None:
    """Keep what has been tried at simulated chargers by now, and what they answered; real ones get no commands yet."""
    tried = fleet.tried_from_afar([charger for charger in out if charger.is_simulated], new)
    busy = _at_busy_cabinets([charger for charger, rung in tried if rung == ladder.HARD])
    RemoteAttempt.objects.note(
        [
            (charger, ladder.RUNGS[rung], _answer(fleet.out[charger], rung, charger in busy), False)
            for charger, rung in tried
        ],
        at,
    )


def note_healed(healed: list[int], at: datetime, fleet: LiveFleet) -> None:
    """Chargers came back after a reset: the attempt that did it. A connection that is there again came by itself."""
    back = [fleet.out[charger] for charger in healed if charger in fleet.out]
    back = [charger for charger in back if charger.status == "FAULTED"]
    if not back:
        return
    since = np.array([int(charger.since.timestamp()) for charger in back])
    rungs = ladder.helping_rung(np.array([charger.charger for charger in back]), since)
    answered = "accepted; it works again"
    RemoteAttempt.objects.note(
        [(charger.charger, ladder.RUNGS[rung], answered, True) for charger, rung in zip(back, rungs, strict=True)], at
    )


def _answer(charger: OutCharger, rung: int, is_busy: bool) -> str:
    if rung == ladder.HARD and is_busy:
        return NOT_SENT
    if charger.status == "OFFLINE":
        return NO_ANSWER
    return "still faulted" if rung == ladder.POLL else "accepted; still faulted afterwards"


def _at_busy_cabinets(chargers: list[int]) -> set[int]:
    """Those at whose cabinet a car charges at another port: a hard reset would cut it off."""
    if not chargers:
        return set()
    cabinet_of = dict(Charger.objects.filter(pk__in=chargers).exclude(cabinet_id="").values_list("pk", "cabinet_id"))
    charging = ChargerState.objects.filter(status="CHARGING", charger__cabinet_id__in=set(cabinet_of.values()))
    busy = set(charging.values_list("charger__cabinet_id", flat=True)) if cabinet_of else set()
    return {charger for charger, cabinet in cabinet_of.items() if cabinet in busy}


def _cause(charger: OutCharger, diagnosis: Diagnosis | None) -> str:
    """As it was diagnosed; while no model has been learnt, what its codes say."""
    return diagnosis.cause if diagnosis else by_codes(charger.vendor_code, charger.error_code)
