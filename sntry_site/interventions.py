"""What people do to a site from the board: each takes its turn with the loop, and shows at once."""

from datetime import datetime, timedelta

from django.db import transaction

from maintenance.models import Incident, WorkOrder
from maintenance.models.opening import Wanted
from maintenance.sending import open_orders
from pricing.models import PriceChange
from stations.broker import tell
from stations.models import FleetEvent, Site
from telemetry.loop_lock import one_at_a_time
from telemetry.models import Cause, Diagnosis, SiteOverride, SiteState
from telemetry.models.ticks import SLOT_SECONDS, slot_start

from .dispatch import repair_chargers
from .tasks import advance_now

STRESS_LASTS = timedelta(minutes=30)
STILL_TRUE = timedelta(hours=6)  # a diagnosis of a charger of the site


@transaction.atomic
def stress_site(site: Site, by, at: datetime) -> None:
    """Hold a simulated site at 98 % load and 105 °F until somebody heals it, at most half an hour."""
    one_at_a_time()
    SiteOverride.objects.hold(site.pk, at, STRESS_LASTS, by)
    _log("STRESSED", site, by, at, "held at 98 % load and 105 °F (simulated)")
    _show_soon()


@transaction.atomic
def heal_site(site: Site, by, at: datetime) -> str:
    """End the stress of a site, repair its chargers, put its price back and end its work orders; what was done."""
    one_at_a_time()
    SiteOverride.objects.end(site.pk, at)
    repaired = repair_chargers([(site.pk, None)], at)
    PriceChange.objects.end_with_next_beat(site.pk, slot_start(at))
    ended = WorkOrder.objects.end_at_site(site.pk, at, "healed from the board", by)
    done = f"{repaired} charger{'s' * (repaired != 1)} repaired, {len(ended)} work order{'s' * (len(ended) != 1)} ended"
    _log("HEALED", site, by, at, done)
    _show_soon()
    return done


@transaction.atomic
def dispatch_site(site: Site, by, at: datetime) -> WorkOrder:
    """Open a work order for a site now, or return the one that is open already."""
    one_at_a_time()
    existing = open_site_order(site)
    if existing:
        return existing
    order = open_orders([wanted_at(site, at)], at, by)[0]
    _log("WORK_ORDER_OPENED", site, by, at, f"{order.number}: {order.title}")
    _show_soon()
    return order


def open_site_order(site: Site) -> WorkOrder | None:
    """The order that is open for a site as a whole."""
    return WorkOrder.objects.open().filter(site=site, charger=None).select_related("technician").first()


def wanted_at(site: Site, at: datetime) -> Wanted:
    """The order that a person would open for a site now: with the newest likely cause, urgent if it is critical."""
    state = _live_row(site)
    latest = Diagnosis.objects.filter(charger__site=site, at__gte=at - STILL_TRUE).order_by("-confidence").first()
    return Wanted(
        site.pk,
        None,
        latest.cause if latest else Cause.UNKNOWN,
        Incident.Source.PERSON,
        state.risk,
        state.reason or "asked for from the board",
        urgent=state.level == "critical",
        diagnosis_id=latest.pk if latest else None,
    )


def _live_row(site: Site) -> SiteState:
    """The site's live row, made now for a site that was added in the admin, because no import has made it."""
    if not SiteState.objects.filter(site=site).exists():
        SiteState.objects.ensure()
    return SiteState.objects.get(site=site)


def _show_soon() -> None:
    """Ask for a beat after the commit. If the broker is away the next tick shows it all the same."""
    transaction.on_commit(lambda: tell(advance_now.name, [[]], expires=SLOT_SECONDS))


def _log(kind: str, site: Site, by, at: datetime, text: str) -> None:
    FleetEvent.objects.create(at=at, kind=kind, site=site, operator_id=site.operator_id, message=text[:300], actor=by)
