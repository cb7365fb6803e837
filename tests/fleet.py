"""Plain functions that create a fleet with a few dozen rows in every table."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.utils import timezone

from maintenance.models import (
    ChecklistItem,
    DriverReport,
    Incident,
    IncidentChange,
    OrderComment,
    OrderPart,
    Part,
    Photo,
    PlannedSpell,
    PlannedWork,
    RemoteAttempt,
    RootCauseNote,
    ServiceCentre,
    Stock,
    StockMovement,
    Technician,
    WorkOrder,
    WorkOrderChange,
)
from pricing.models import PriceChange, PriceProposal, PricingStop, SurgePolicy
from stations.models import (
    AnsweredRequest,
    AssistantCall,
    AuditEntry,
    Charger,
    FleetEvent,
    Job,
    Membership,
    OcpiConnection,
    OcpiPush,
    Operator,
    Outbox,
    Partner,
    PartnerKey,
    PartnerNews,
    SavedView,
    Scope,
    Site,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from telemetry.models import (
    CauseGroup,
    ChargerRisk,
    ChargerState,
    ChargingSession,
    Climatology,
    Diagnosis,
    LateChange,
    Listening,
    ModelVersion,
    Outage,
    Reading,
    Risk,
    SiteOverride,
    SiteState,
    SoftEvents,
    StatusReport,
    Tick,
    TickShard,
    WorldState,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def person(name: str, role: str | None = None, *operators: Operator, **fields) -> User:
    """A member of staff with a role at some operators."""
    user = User.objects.create_user(name, password="a long word", is_staff=True, **fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    for operator in operators:
        Membership.objects.create(user=user, operator=operator)
    return user


def site(operator: Operator, number: int, **fields) -> Site:
    """One site; `number` makes its ID."""
    values = {"name": f"Site {number}", "city": "Austin", "latitude": 30.3, "longitude": -97.7, "ports_total": 4}
    return Site.objects.create(operator=operator, external_id=f"{operator.pk}-{number:05}", **{**values, **fields})


def charger(at: Site, number: int = 1, **fields) -> Charger:
    """One charger of a site."""
    return Charger.objects.create(site=at, external_id=f"{at.external_id}-{number}", **fields)


def reading(measured_site: Site, **fields) -> Reading:
    """One half-hour of a site with four ports."""
    row = reading_row(measured_site, **fields)
    row.save()
    return row


def reading_row(measured_site: Site, **fields) -> Reading:
    """The same, not saved yet."""
    ports = {"ports_total": 4, "ports_available": 3, "ports_occupied": 1, "ports_out_of_service": 0}
    measured = {"utilization": 0.25, "status": 0, "wait_minutes": 0, "session_minutes": 30, "price": Decimal("0.4")}
    world = {"temperature_f": 70, "precipitation_mm": 0, "weather": 0, "gas_price": 3, "traffic_index": 2}
    values = {"at": NOW, "local_event": 0, **ports, **measured, **world, **fields}
    return Reading(site=measured_site, **values)


def work_order(at: Site, **fields) -> WorkOrder:
    """One order and the incident it is about."""
    when = fields.pop("opened_at", NOW)
    about = {name: fields[name] for name in ("charger", "cause") if name in fields}
    incident = Incident.objects.create(
        site=at, source="prediction", summary="Risk 91 %", opened_at=when, risk=0.91, **about
    )
    values = {"title": "Check the cooling", "opened_at": when, "changed_at": when, **fields}
    return WorkOrder.objects.create(incident=incident, site=at, **values)


REPORT = {
    "action": "part_swapped",
    "found_cause": "meter_fault",
    "resolution": "Replaced what was broken.",
    "minutes_travel": 20,
    "minutes_work": 60,
}


def do_the_work(order: WorkOrder, by: User, at: datetime, **found) -> None:
    """A person goes through an order up to its resolution, and fills in all that it takes."""
    for state in ("accepted", "en_route", "in_progress"):
        if order.state == "triaged":
            WorkOrder.objects.move([order.pk], "assigned", at)
        order.move(state, by=by, at=at)
    order.checklist.update(done_at=at)
    for kind in ("before", "after"):
        Photo.objects.create(order=order, kind=kind, file=f"photos/{order.pk}-{kind}.jpg", taken_at=at, by=by)
    WorkOrder.objects.filter(pk=order.pk).update(**{**REPORT, **found})
    order.use_parts(list(order.parts.values_list("part", flat=True)), at, by)
    order.move("resolved", by=by, at=at)


def surge_policy(name: str = "trial", **fields) -> SurgePolicy:
    """A first version of a policy that is for nobody."""
    return SurgePolicy.objects.create(name=name, **fields)


def shipped(name: str) -> SurgePolicy:
    """One of the policies that Sntry ships."""
    SurgePolicy.objects.ensure_shipped()
    return SurgePolicy.objects.get(name=name, operator=None, version=1)


def price_change(at: Site, **fields) -> PriceChange:
    """One surge of an hour."""
    period = {"starts_at": NOW, "ends_at": NOW + timedelta(hours=1)}
    values = {"kind": "surge", "old_price": "0.40", "new_price": "0.60", "reason": "91 % in use", **period, **fields}
    values = {"policy": shipped("original"), "announced_at": values["starts_at"], **values}
    return PriceChange.objects.create(site=at, **values)


def price_proposal(at: Site, **fields) -> PriceProposal:
    """A rise of a quarter that waits."""
    values = {
        "base_price": "0.4000",
        "new_price": "0.5000",
        "reason": "hot",
        "minutes": 60,
        "proposed_minutes": 60,
        "created_at": NOW,
        **fields,
    }
    values = {"policy": shipped("guarded"), "expires_at": NOW + timedelta(minutes=30), **values}
    return PriceProposal.objects.create(site=at, **values)


def webhook(company: Partner, **fields) -> Webhook:
    """A subscription to everything; its secret is `webhook.secret`."""
    values = {"url": "https://hooks.example/sntry", "events": WebhookEvent.values, **fields}
    made = Webhook(partner=company, **values)
    made.renew_secret()
    made.save()
    return made


def ocpi_connection(company: Partner, **fields) -> tuple[OcpiConnection, str]:
    """A partner that was invited to speak OCPI, and its first token."""
    made = OcpiConnection(partner=company, **{"party_id": "NOR", **fields})
    token = made.new_token()
    made.save()
    return made, token


def partner(operator: Operator, name: str = "Fleetly", scopes: list[str] | None = None) -> tuple[PartnerKey, str]:
    """A partner of `operator` with a key for these scopes (default all), and the key's text."""
    who, _ = Partner.objects.get_or_create(operator=operator, name=name)
    return who.issue_key(scopes or Scope.values, timezone.now() + timedelta(days=30))


def fill(operator: Operator, count: int = 60) -> None:
    """`count` rows in every table, all of one operator; every one of them points at rows of its own."""
    centre = ServiceCentre.objects.create(name=f"Depot {operator}", latitude=30, longitude=-97)
    model = ModelVersion.objects.create(file_name="a", sha256="0" * 64, scikit_learn="1.9", trained_at=NOW)
    for number in range(count):
        _fill_one(operator, number, centre, model)


def _fill_one(operator: Operator, number: int, centre: ServiceCentre, model: ModelVersion) -> None:
    at, someone = NOW - timedelta(minutes=number), User.objects.create(username=f"{operator.name} {number}")
    here = site(operator, number)
    port = charger(here)
    technician = Technician.objects.create(code=f"{operator.pk}-T{number}", centre=centre, user=someone)
    Membership.objects.create(user=someone, operator=operator)
    SiteState.objects.update_or_create(site=here, defaults={"at": at, "risk": 0.5, "level": "watch", "reason": "busy"})
    ChargerState.objects.update_or_create(charger=port, defaults={"status": "FAULTED", "since": at})
    ChargerRisk.objects.create(charger=port, at=at, probability=0.5, reason="hot", model=model)
    reading(here, at=at)
    usual = {"month": 11, "hour": 12, "utilization": 0.3, "temperature_f": 60, "precipitation_mm": 0, "weather": 0}
    Climatology.objects.create(site=here, gas_price=3, traffic_index=2, **usual)
    StatusReport.objects.create(charger=port, reported_at=at, status="FAULTED", error_code="E1")
    ChargingSession.objects.create(charger=port, started_at=at, price="0.4")
    SoftEvents.objects.create(charger=port, at=at, retries=1)
    AccessAttempt.objects.create(username=f"guest {someone.pk}", ip_address="192.0.2.1", failures_since_start=1)
    LateChange.objects.create(kind="reports", operator=operator, day=at.date(), changes=1)
    about = {"cause": "cooling_thermal", "confidence": 0.9, "others": [["cooling_thermal", 0.9]], "evidence": "hot"}
    Diagnosis.objects.create(charger=port, kind="happened", at=at, model=model, **about)
    CauseGroup.objects.create(model=model, number=CauseGroup.objects.count(), size=9, name="code CX003")
    Outage.objects.create(charger=port, started_at=at, status="FAULTED")
    Risk.objects.create(site=here, at=at, probability=0.5, level="watch", reason="busy", model=model)
    SiteOverride.objects.create(site=here, starts_at=at, ends_at=NOW, by=someone)
    order = work_order(here, charger=port, technician=technician)
    note = {"source": "rules", "summary": "hot", "cause": "cooling_thermal", "safety": "Cut off the supply."}
    RootCauseNote.objects.create(incident=order.incident, **note)
    WorkOrderChange.objects.create(order=order, at=at, new_state="new", by=someone)
    IncidentChange.objects.create(incident=order.incident, at=at, kind="acknowledged", by=someone)
    incident = order.incident
    RemoteAttempt.objects.create(incident=incident, charger=port, rung="poll", at=at, answer="no answer")
    DriverReport.objects.create(site=here, charger=port, incident=incident, problem="slow", at=at)
    work = PlannedWork.objects.create(site=here, title="Clean the filters", first_at=at)
    PlannedSpell.objects.create(work=work, starts_at=at, ends_at=at + timedelta(hours=2))
    ChecklistItem.objects.create(order=order, text="Switched off")
    OrderComment.objects.create(order=order, text="The gate is open", at=at)
    Photo.objects.create(order=order, kind="before", file="photos/0.jpg", taken_at=at, by=someone)
    part = Part.objects.create(number=f"P-{operator.pk}-{number}", name=f"fuse {operator.pk}-{number}")
    stock = Stock.objects.create(part=part, centre=centre, quantity=2, reserved=1)
    OrderPart.objects.create(order=order, part=part, reserved=1, stock=stock)
    StockMovement.objects.create(stock=stock, order=order, kind="reserve", pieces=1, at=at, by=someone)
    price_change(here, by=someone)
    price_proposal(here)
    surge_policy(f"own-{number}", operator=operator)
    PricingStop.objects.create(operator=operator, starts_at=at, ends_at=NOW, by=someone)
    company = partner(operator, f"partner {number}")[0].partner
    hook = webhook(company)
    WebhookDelivery.objects.create(webhook=hook, key=f"test:{number}", event="test", payload={"data": {}})
    made = ocpi_connection(company)[0]
    OcpiPush.objects.create(connection=made, module=2, row_id=here.pk, is_whole=True, noted_at=at)
    PartnerNews.objects.create(kind="site", row_id=here.pk)
    FleetEvent.objects.create(at=at, kind="SURGE_OPENED", operator=operator, site=here, message="m", actor=someone)
    about = {"operator": operator, "parameters": {"until": "2026-11-21", "days": 1}}
    Job.objects.create(kind="operator_dump", created_by=someone, **about)
    SavedView.objects.create(user=someone, changelist="stations.site", querystring="q=1", name="Mine", shared=True)
    AnsweredRequest.objects.create(caller=f"user:{someone.pk}", key="1", request_hash="", asked_at=at)
    AuditEntry.objects.note("viewed", by=someone, about=here)
    Outbox.objects.create(kind="email", idempotency_key=f"{operator.pk}-{number}", due_at=at)
    AssistantCall.objects.create(asked_at=at, model="gemini", was_shown=True, latency_ms=900)
    Tick.objects.create(slot=operator.pk * 1000 + number, started_at=at, finished_at=at)
    Listening.objects.get_or_create(pk=1, defaults={"since": at, "noted_at": at})
    WorldState.objects.create(shard=operator.pk * 1000 + number, slot=1, blob=b"")
    TickShard.objects.create(slot=1, shard=operator.pk * 1000 + number, worker="a", model=model, claimed_at=at)


def live_site(operator: Operator, number: int, *, usual: float = 0.3, temperature_f: float = 70, **fields) -> Site:
    """A site that the tick moves: chargers, a live row, and the same usual values in every month and hour."""
    here = site(operator, number, **{"base_price": "0.40", "power_kw": 150, "charger_type": "DC Fast Charge", **fields})
    for port in range(here.ports_total):
        charger(here, port + 1)
    SiteState.objects.update_or_create(
        site=here, defaults={"price": here.base_price, "usual_utilization": usual, "ports_available": here.ports_total}
    )
    Climatology.objects.bulk_create(
        Climatology(
            site=here,
            month=month,
            hour=hour,
            utilization=usual,
            temperature_f=temperature_f,
            precipitation_mm=0,
            weather=0,
            gas_price=3.5,
            traffic_index=3,
        )
        for month in range(1, 13)
        for hour in range(24)
    )
    return here
