"""The facts of a question: what the asker may see of the network now, in a fixed number of queries."""

from collections import Counter
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Avg, Count, F, Q, Sum, Value
from django.db.models.functions import Length, Lower, StrIndex
from django.urls import reverse

from maintenance.models import Technician, WorkOrder
from maintenance.states import ENDED_STATES, Priority, State
from stations.access import operator_ids
from stations.models import FleetEvent, Site
from telemetry.analyses.answer import Answer as Measured
from telemetry.analyses.scope import USUAL_DAYS, Scope, last_whole_day
from telemetry.models import ReliabilityAnswer, RiskLevel, SiteState

from .facts import Fact, Facts, harmless

WORST, FULLEST, PEOPLE, ORDERS = 5, 5, 8, 5
NAMED_SITES = 3
NIGHT_BEGINS, NIGHT_ENDS = time(20), time(6)
NIGHT_KINDS, NIGHT_SITES = 8, 3
SHORTEST_NAME = 3  # of a site that a question is thought to name
# Questions of the reliability pages whose figures speak of the whole network and of nobody by name.
NETWORK_QUESTIONS = {"failures": "reliability", "uptime": "reliability", "attempts": "reliability", "cost": "money"}
MOST_FIGURES = 3
NOT_LATE = (State.RESOLVED, State.VERIFIED)


def gather(user, question: str, now: datetime) -> Facts:
    """All that is known and may bear on a question, of the operators that `user` may see."""
    facts, ids = Facts(), operator_ids(user)
    may_see_orders = user.has_perm("maintenance.view_workorder")
    orders = WorkOrder.objects.of_operators(ids).open().select_related("site", "technician")
    orders = list(orders.order_by(F("due_at").asc(nulls_last=True), "pk")) if may_see_orders else []
    add_network(facts, ids)
    add_sites(facts, ids, question, {order.site_id: order for order in reversed(orders)}, may_see_orders)
    add_night(facts, ids, now)
    if may_see_orders:
        add_orders(facts, orders, now)
    if user.has_perm("maintenance.view_technician"):
        add_people(facts, ids, now)
    add_reliability(facts, ids, now)
    return facts


def add_network(facts: Facts, ids: set[int] | None) -> None:
    """Counts and sums of the sites together."""
    totals = SiteState.objects.of_operators(ids).aggregate(
        sites=Count("pk"),
        available=Sum("ports_available", default=0),
        occupied=Sum("ports_occupied", default=0),
        out=Sum("ports_out_of_service", default=0),
        loss=Sum("expected_loss", default=Decimal(0)),
        watch=Count("pk", filter=Q(level=RiskLevel.WATCH)),
        critical=Count("pk", filter=Q(level=RiskLevel.CRITICAL)),
        load=Avg("utilization", default=0.0),
        usual=Avg("usual_utilization", default=0.0),
    )
    if not totals["sites"]:
        return
    board, ports = reverse("board"), totals["available"] + totals["occupied"] + totals["out"]
    facts.add("risk", f"{totals['critical']:,} of {totals['sites']:,} sites are critical and {totals['watch']:,} on"
              " watch, by their risk of an outage within 24 h", board)  # fmt: skip
    facts.add(
        "money", f"all sites together are expected to lose {dollars(totals['loss'])} per hour, an estimate", board
    )
    facts.add("ports", f"{totals['available']:,} of {ports:,} ports are free, {totals['occupied']:,} are in use and"
              f" {totals['out']:,} out of service", board)  # fmt: skip
    facts.add("load", f"mean load of the sites {percent(totals['load'])}, usually {percent(totals['usual'])}", board)


def add_sites(facts: Facts, ids, question: str, order_of: dict[int, WorkOrder], may_see_orders: bool) -> None:
    """The sites that the question names, the riskiest, the costliest, and those with most ports free."""
    states = SiteState.objects.of_operators(ids).filter(at__isnull=False).select_related("site__operator")
    asked = [
        ("about", states.filter(site__in=named_in(question, ids)).order_by("pk")),
        ("risk", states.order_by("-risk", "-expected_loss", "pk")[:WORST]),
        ("money", states.filter(expected_loss__gt=0).order_by("-expected_loss", "-risk", "pk")[:WORST]),
        ("ports", states.filter(ports_available__gt=0).order_by("-ports_available", "wait_minutes", "pk")[:FULLEST]),
    ]
    for topic, rows in asked:
        for state in rows:
            add_site(facts, topic, state, order_of.get(state.site_id), may_see_orders)


def named_in(question: str, ids) -> list[int]:
    """Sites whose name or ID stands in the question, the longest names first."""
    said = Value(question.lower())
    sites = Site.objects.of_operators(ids).annotate(letters=Length("name"))
    named = sites.annotate(name_at=StrIndex(said, Lower("name")), id_at=StrIndex(said, Lower("external_id")))
    named = named.filter(Q(name_at__gt=0, letters__gte=SHORTEST_NAME) | Q(id_at__gt=0)).order_by("-letters", "pk")
    return list(named.values_list("pk", flat=True)[:NAMED_SITES])


def add_site(facts: Facts, topic: str, state: SiteState, order: WorkOrder | None, may_see_orders: bool) -> None:
    """One site as it is now. What stands first is what the topic is about."""
    site, level = state.site, RiskLevel(state.level)
    name = facts.name("site", site.pk, site.name, reverse("site", args=[site.external_id]))
    if topic == "about" and name not in facts.about:
        facts.about.append(name)
    risk = f"risk of an outage within 24 h {percent(state.risk)} ({level.label.lower()})"
    if state.reason:
        reason = harmless(state.reason)  # a forecast says with what it goes, a rule why
        risk += f", {reason}" if reason.startswith("associated with") else f", because of {reason}"
    loss = f"expected loss {dollars(state.expected_loss)} per hour"
    ports = (
        f"{state.ports_available} of {state.site.ports_total} ports free, {state.ports_out_of_service} out of service"
    )
    load = f"load {percent(state.utilization)}, usually {percent(state.usual_utilization)}"
    if may_see_orders:
        load += f"; {order_name(facts, order)} is open" if order else "; no work order is open"
    parts = {"money": [loss, risk, ports, load], "ports": [ports, load, risk, loss]}.get(
        topic, [risk, loss, ports, load]
    )
    held = " (held under stress by a person, simulated)" if state.is_stressed else ""
    look = (level.colour, level.shape, level.label)
    facts.add(topic, f"{name}{held}: {'; '.join(parts)}", facts.named[name].link, look)


def add_night(facts: Facts, ids, now: datetime) -> None:
    """What happened from eight in the evening to six in the morning, by the clock of the network."""
    begins, ends = last_night(now)
    events = FleetEvent.objects.of_operators(ids).filter(at__gte=begins, at__lt=ends)
    counts = Counter(dict(events.order_by().values_list("kind").annotate(count=Count("pk"))))
    when = f"in the night from {clock(begins)} to {clock(ends)}"
    if not counts:
        facts.add("night", f"nothing was noted {when}", reverse("board"))
        return
    facts.add("night", f"{counts.total():,} events were noted {when}", reverse("board"))
    for kind, count in counts.most_common(NIGHT_KINDS):
        facts.add("night", f"{FleetEvent.Kind(kind).label}: {count:,} times in that night")
    faults = events.filter(kind="CHARGER_FAULTED", site__isnull=False).order_by()
    worst = faults.values("site", "site__name", "site__external_id").annotate(count=Count("pk"))
    for row in worst.order_by("-count", "site")[:NIGHT_SITES]:
        link = reverse("site", args=[row["site__external_id"]])
        name = facts.name("site", row["site"], row["site__name"], link)
        facts.add("night", f"{name}: {row['count']:,} charger faults in that night", link)


def last_night(now: datetime) -> tuple[datetime, datetime]:
    """When the last night began and ended (or now, while it lasts), by the clock of the network."""
    zone = ZoneInfo(settings.DATA_TIME_ZONE)
    today = now.astimezone(zone).date()
    ends = min(datetime.combine(today, NIGHT_ENDS, zone), now.astimezone(zone))
    return datetime.combine(today - timedelta(days=1), NIGHT_BEGINS, zone), ends


def add_orders(facts: Facts, orders: list[WorkOrder], now: datetime) -> None:
    """How many orders are open, urgent and late, and the next that are due."""
    late = [one for one in orders if is_late(one, now)]
    urgent = sum(one.priority == Priority.URGENT for one in orders)
    facts.add("orders", f"{len(orders):,} work orders are open, {urgent:,} of them urgent and {len(late):,} late",
              reverse("dispatch"))  # fmt: skip
    for order in (late or orders)[:ORDERS]:
        name = order_name(facts, order)
        at = facts.name("site", order.site_id, order.site.name, reverse("site", args=[order.site.external_id]))
        who = "nobody is assigned"
        if order.technician:
            who = f"{facts.name('technician', order.technician_id, order.technician.code)} is assigned"
        due = f", due {clock(order.due_at)}{' (late)' if is_late(order, now) else ''}" if order.due_at else ""
        word = f"{order.get_priority_display().lower()}, {order.get_state_display().lower()}"
        look = (order.shown_priority.colour, order.shown_priority.shape, order.shown_priority.label)
        facts.add("orders", f"{name} at {at}: {word}{due}; {who}", facts.named[name].link, look)


def order_name(facts: Facts, order: WorkOrder) -> str:
    """The placeholder of an order."""
    return facts.name("order", order.pk, order.number, reverse("admin:maintenance_workorder_change", args=[order.pk]))


def is_late(order: WorkOrder, now: datetime) -> bool:
    """Whether its time is over; what is done is not late."""
    return order.due_at is not None and order.due_at <= now and order.state not in NOT_LATE


def add_people(facts: Facts, ids, now: datetime) -> None:
    """Who is on shift, and how much they have to do; the least busy first."""
    ours = Q(work_orders__closed_at__isnull=True)
    mine = ours if ids is None else ours & Q(work_orders__site__operator__in=ids)
    people = Technician.objects.with_memberships().annotate(
        busy=Count("work_orders", filter=ours & ~Q(work_orders__state__in=ENDED_STATES), distinct=True),
        seen=Count("work_orders", filter=mine & ~Q(work_orders__state__in=ENDED_STATES), distinct=True),
    )
    people = [one for one in people if ids is None or any(one.may_go_to(operator) for operator in ids)]
    on_shift = sorted((one for one in people if one.is_on_shift(now)), key=lambda one: (one.busy, one.code))
    free = sum(not one.busy for one in on_shift)
    facts.add("free", f"{free:,} of {len(on_shift):,} technicians on shift at {clock(now)} have no open order;"
              f" {len(people):,} technicians in all", reverse("dispatch"))  # fmt: skip
    for one in on_shift[:PEOPLE]:
        name = facts.name("technician", one.pk, one.code)
        elsewhere = ", and has orders of other operators" if one.busy > one.seen else ""
        skills = harmless(", ".join(one.skills), 80) or "any work"
        look = ("in-use", "■", "Busy") if one.busy else ("available", "●", "Free")
        until = clock(one.next_shift(now)[1])
        orders = f"{one.seen:,} open orders{elsewhere}"
        said = f"{name} is on shift until {until} with {orders}; skills: {skills}"
        facts.add("free", said, reverse("dispatch"), look)


def add_reliability(facts: Facts, ids, now: datetime) -> None:
    """Figures that the reliability pages have kept of the usual period, each with its interval."""
    end = last_whole_day(now)
    scope = Scope(end - timedelta(days=USUAL_DAYS), end, None if ids is None else tuple(sorted(ids)))
    keys = {scope.key(slug): slug for slug in NETWORK_QUESTIONS}
    rows = {row.key: row for row in ReliabilityAnswer.objects.filter(key__in=keys)}
    for key, slug in keys.items():
        if key not in rows:
            continue
        measured = Measured.from_json({**rows[key].answer, "plots": []})
        for figure in measured.figures[:MOST_FIGURES]:
            interval = f" (95 % interval {figure.interval})" if figure.interval else ""
            said = f"{harmless(figure.label)}: {harmless(figure.said)}{interval}, in the {USUAL_DAYS} days"
            facts.add(NETWORK_QUESTIONS[slug], f"{said} until {end:%Y-%m-%d}",
                      reverse("reliability-question", args=[slug]))  # fmt: skip


def about_sites(facts: Facts) -> list[Fact]:
    """The facts of the sites that the question names."""
    return facts.of("about")


def percent(share: float) -> str:
    """A share for people."""
    return f"{100 * share:.0f} %"


def dollars(amount: Decimal) -> str:
    """An amount for people: cents only below ten dollars."""
    return f"${amount:,.2f}" if abs(amount) < 10 else f"${amount:,.0f}"


def clock(moment: datetime) -> str:
    """A moment by the clock of the network, with its zone."""
    local = moment.astimezone(ZoneInfo(settings.DATA_TIME_ZONE))
    return f"{local:%Y-%m-%d %H:%M %Z}"
