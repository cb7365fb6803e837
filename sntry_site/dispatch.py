"""Who is sent where, at one beat: crews finish, what proves well is closed, and orders are opened for what is left."""

from datetime import datetime, timedelta

import numpy as np
from django.db.models import Q

from maintenance import crews
from maintenance.models import Incident, WorkOrder
from maintenance.models.opening import Wanted
from maintenance.sending import open_orders
from maintenance.states import State
from telemetry import live_causes
from telemetry.live_fleet import LiveFleet
from telemetry.models import ChargerState, StatusReport
from telemetry.models.status import OutCharger
from telemetry.risk.cause_rules import expected_by_rules

from .beat import Beat
from .incidents import note_failures, rate

REST, REST_IF_CRITICAL = timedelta(days=1), timedelta(hours=1)  # after a visit before a failure


def dispatch(beat: Beat, fleet: LiveFleet, at_work: set[int]) -> None:
    """Move crews on, note what has failed, then open an order for each site above the threshold and each incident.

    A charger that does not work waits first for what is tried from afar; `at_work`: chargers under planned work.
    """
    finish_orders(beat, fleet)
    out = note_failures(beat.at, fleet, at_work)
    wanted = [*wanted_before_failures(beat), *wanted_for_incidents(beat.at, fleet, out)]
    for order in open_orders(wanted, beat.at):
        beat.tell_of("WORK_ORDER_OPENED", order)
    WorkOrder.objects.tell_deadlines(beat.at)


def finish_orders(beat: Beat, fleet: LiveFleet) -> None:
    """What simulated crews have done now, and people since the last beat, is repaired; what proves well is closed."""
    by_people = WorkOrder.objects.resolved_by_people_since(fleet.last_at)
    at_work = crews.working_long_enough(beat.at)
    WorkOrder.objects.note_found_causes(fleet.found([*by_people, *at_work]))
    done = [*by_people, *crews.resolve(at_work, beat.at)]
    fleet.renew(done)
    repair_chargers([(order.site_id, order.charger_id) for order in done], beat.at)
    fleet.try_out(done)
    crews.wait_for_parts(beat.at)
    crews.advance(beat.at)
    for order in close_proven(beat.at):
        beat.tell_of("WORK_ORDER_CLOSED", order)


def close_proven(at: datetime) -> list[WorkOrder]:
    """Close the orders whose charger works and has charged somebody since; those where it is out again are reopened.

    What a person has called verified is closed, too.
    """
    well, out_again = WorkOrder.objects.verifiable()
    WorkOrder.objects.move(out_again, State.IN_PROGRESS, at, "out of order again")
    WorkOrder.objects.move(well, State.VERIFIED, at, "works, and a session has succeeded")
    verified = list(WorkOrder.objects.open().filter(state=State.VERIFIED).values_list("pk", flat=True))
    closed = WorkOrder.objects.move(verified, State.CLOSED, at, "verified")
    return list(WorkOrder.objects.filter(pk__in=closed).select_related("site").order_by("pk")) if closed else []


def wanted_before_failures(beat: Beat) -> list[Wanted]:
    """An order for each site above the threshold that has none as a whole, with the cause that is expected.

    A site that was served keeps its past, and so much of its risk: it rests before somebody is sent there again.
    """
    places = np.flatnonzero(beat.needs_work)
    sites = beat.network["site"][places].tolist()
    rests = {site: REST_IF_CRITICAL if beat.critical[p] else REST for p, site in zip(places, sites, strict=True)}
    served = WorkOrder.objects.served_before_failures(rests, beat.at)
    places = [p for p, site in zip(places.tolist(), sites, strict=True) if site not in served]
    riskiest = beat.scores.chargers
    expected = live_causes.foresee(beat.at, beat.scores.now, [riskiest[p] for p in places if p in riskiest])
    by_rules = expected_by_rules(beat.measured.utilization[places], (beat.measured.temperature_f[places] - 32) / 1.8)
    foreseen = {p: expected.get(riskiest.get(p)) for p in places}
    causes = [foreseen[p].cause if foreseen[p] else str(rule) for p, rule in zip(places, by_rules, strict=True)]
    sites = [int(beat.network["site"][p]) for p in places]
    rated = rate([(s, c, [], float(beat.risk[p])) for s, c, p in zip(sites, causes, places, strict=True)], beat.at)
    return [
        Wanted(
            site,
            None,
            cause,
            Incident.Source.PREDICTION,
            float(beat.risk[p]),
            beat.reasons[p],
            urgent=bool(beat.critical[p]),
            diagnosis_id=foreseen[p].pk if foreseen[p] else None,
            severity=severity,
            reason=why,
        )
        for p, site, cause, (severity, why) in zip(places, sites, causes, rated, strict=True)
    ]


def wanted_for_incidents(at: datetime, fleet: LiveFleet, out: list[OutCharger]) -> list[Wanted]:
    """An order for each incident of chargers that somebody has to see; of simulated ones, after all tries from afar."""
    waiting = set(fleet.ids[fleet.fleet.waits_for_somebody(fleet.second)].tolist())
    needy = [charger.charger for charger in out if not charger.is_simulated or charger.charger in waiting]
    return [
        Wanted(
            site,
            charger,
            cause,
            source,
            None,
            summary,
            diagnosis_id=diagnosis,
            severity=severity,
            reason=reason,
            incident_id=incident,
        )
        for incident, site, charger, cause, source, severity, reason, summary, diagnosis, _ in (
            Incident.objects.need_an_order(needy, at)
        )
    ]


def repair_chargers(places: list[tuple[int, int | None]], at: datetime) -> int:
    """The faulted chargers of `places` (site, and one charger of it or None for all) report that they are available.

    Returns how many.
    """
    if not places:
        return 0
    whole = Q(charger__site__in=[site for site, charger in places if charger is None])
    single = Q(charger__in=[charger for _, charger in places if charger is not None])
    ids = list(ChargerState.objects.faulted().filter(whole | single).values_list("charger_id", flat=True))
    if ids:
        StatusReport.objects.record(ids, [at] * len(ids), ["AVAILABLE"] * len(ids))
    return len(ids)
