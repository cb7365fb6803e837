"""The dispatch board: open orders as lanes and on a map, who goes where, and a proposal to take as it is or in part."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, F, Q, When, Window
from django.db.models.functions import RowNumber
from django.http import HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.timesince import timesince
from django.views.decorators.http import require_POST, require_safe

from maintenance import dispatch_proposal
from maintenance.models import Incident, Refused, ServiceCentre, Technician, WorkOrder
from maintenance.models.orders_at_once import NEVER_LATE
from maintenance.models.steps import roles_of
from maintenance.states import Priority, State
from maintenance.transitions import DISPATCHER, OPS
from stations.access import operator_ids
from stations.map_tiles import map_tiles
from stations.models import Operator, Site

from .access import staff_required

MOST_PER_LANE = 60
MOST_AT_ONCE = dispatch_proposal.MOST_ORDERS  # so that a whole proposal can be taken
SOON = timedelta(hours=2)
LANES = (
    ("To assign", (State.NEW, State.TRIAGED)),
    ("Assigned", (State.ASSIGNED,)),
    ("Accepted", (State.ACCEPTED,)),
    ("On the road", (State.EN_ROUTE,)),
    ("At work", (State.IN_PROGRESS,)),
    ("On hold", (State.ON_HOLD,)),
    ("To verify", (State.RESOLVED, State.VERIFIED)),
)


_LANE = Case(*(When(state__in=states, then=place) for place, (_, states) in enumerate(LANES)))


@dataclass(frozen=True)
class Lane:
    """The orders in some states, the first due first; `more` are not shown."""

    name: str
    orders: list[WorkOrder]
    more: int

    @property
    def count(self) -> int:
        """Of all of them."""
        return len(self.orders) + self.more


@require_safe
@staff_required
def page(request):
    """All open orders of the person's operators, by state; filters stand in the address."""
    now = timezone.now()
    values = {**_lanes(_filtered(request), now), **_choices(request), "may_send": _may_send(request.user), "now": now}
    if request.headers.get("HX-Request"):
        return render(request, "dispatch/lanes.html", values)
    return render(request, "dispatch/page.html", {**values, **_map_of(values["lanes"])})


@require_safe
@staff_required
def proposal(request):
    """Who would go where, if the filtered orders that nobody has accepted were planned now."""
    orders = _filtered(request)
    found = dispatch_proposal.propose(orders, timezone.now())
    left = orders.filter(state__in=dispatch_proposal.TO_PLAN).count() - len(found.stops)
    values = {
        "proposal": found,
        "left": max(left, 0),
        "may_send": _may_send(request.user),
        "asked": request.GET.urlencode(),
    }
    return render(request, "dispatch/proposal.html", values)


@require_POST
@staff_required
def send(request):
    """Send technicians to the chosen orders: one to all of them, or those of a proposal."""
    choices = _chosen(request)
    if choices is None:
        return HttpResponseBadRequest("Choose orders and a technician on the dispatch board.")
    try:
        done = dispatch_proposal.apply(choices, request.user)
    except Refused as refused:
        messages.error(request, " ".join(refused.problems))
    else:
        _tell(request, len(done), len(choices))
    return _back_to_board(request, "send/")


@require_POST
@staff_required
def duplicates(request):
    """Call the chosen orders of one site duplicates of the oldest of them."""
    ids = request.POST.getlist("order")
    if not 1 < len(ids) <= MOST_AT_ONCE or not all(pk.isascii() and pk.isdecimal() and len(pk) < 18 for pk in ids):
        return HttpResponseBadRequest("Choose two orders or more of one site on the dispatch board.")
    if not _may_send(request.user):
        raise PermissionDenied("Only a dispatcher or ops may say that orders are the same.")
    mine = WorkOrder.objects.visible_to(request.user).filter(pk__in=ids)
    oldest, done = WorkOrder.objects.call_duplicates(
        list(mine.values_list("pk", flat=True)), timezone.now(), request.user
    )
    if done:
        messages.success(request, f"{len(done)} order{'s' * (len(done) != 1)} ended as the same as {oldest}.")
    if len(done) < len(ids) - 1:
        left = len(ids) - 1 - len(done)
        messages.warning(
            request, f"{left} left alone: at another site than {oldest or 'the oldest'}, or ended meanwhile."
        )
    return _back_to_board(request, "duplicates/")


def _back_to_board(request, page: str):
    """To the board as it was filtered."""
    address = request.POST.get("asked", "")
    return redirect(f"{request.path.removesuffix(page)}{'?' + address if address else ''}")


def _tell(request, done: int, asked: int) -> None:
    if done:
        messages.success(request, f"{done} order{'s' * (done != 1)} sent.")
    if done < asked:
        left = asked - done
        words = f"{left} left alone: accepted or ended meanwhile, or not of your operators, or not of the technician's."
        messages.warning(request, words)


def _chosen(request) -> list[tuple[int, int, int | None]] | None:
    """(order, technician, stop) of what was ticked; None where it makes no sense."""
    ticked, technician = request.POST.getlist("order"), request.POST.get("technician", "")
    if not ticked or len(ticked) > MOST_AT_ONCE:
        return None
    if technician:
        ticked = [f"{order}-{technician}-" for order in ticked]
    choices = []
    for choice in ticked:
        parts = choice.split("-")
        if len(parts) != 3 or not all(part.isdecimal() and len(part) < 18 for part in parts[:2]):
            return None
        choices.append(
            (int(parts[0]), int(parts[1]), int(parts[2]) if parts[2].isdecimal() and len(parts[2]) < 5 else None)
        )
    known = set(Technician.objects.filter(pk__in={one for _, one, _ in choices}).values_list("pk", flat=True))
    return choices if all(one in known for _, one, _ in choices) else None


def _filtered(request):
    """Open orders that the person may see, as the address asks for."""
    if not request.user.has_perm("maintenance.view_workorder"):
        raise PermissionDenied("Your role has nothing to do with work orders; ask for the dispatcher or ops role.")
    asked, orders = request.GET, WorkOrder.objects.visible_to(request.user).open()
    orders = orders.select_related("site__operator", "charger", "technician", "incident__diagnosis")
    for name, path in (("operator", "site__operator"), ("technician", "technician")):
        if asked.get(name, "").isdecimal():
            orders = orders.filter(**{path: int(asked[name][:18])})
    if asked.get("city"):
        orders = orders.filter(site__city=asked["city"].replace("\x00", ""))
    if words := asked.get("find", "").replace("\x00", "").strip()[:60]:
        orders = orders.found_by(words)
    if asked.get("priority") in Priority.values:
        orders = orders.filter(priority=asked["priority"])
    if asked.get("due") == "late":
        orders = orders.late(timezone.now())
    elif asked.get("due") == "soon":
        orders = orders.late(timezone.now() + SOON)
    return orders.order_by(F("due_at").asc(nulls_last=True), "pk")


def _lanes(orders, now) -> dict:
    """The lanes with the first of each, and how many there are: two queries, however many orders are open."""
    shown: list[list[WorkOrder]] = [[] for _ in LANES]
    first = Window(RowNumber(), partition_by=[_LANE], order_by=[F("due_at").asc(nulls_last=True), "pk"])
    for order in orders.annotate(lane=_LANE, place=first).filter(place__lte=MOST_PER_LANE).order_by("lane", "place"):
        order.is_late = bool(order.due_at and order.due_at <= now and order.state not in NEVER_LATE)
        order.late_for = timesince(order.due_at, now, depth=1) if order.is_late else ""
        shown[order.lane].append(order)
    counts = orders.order_by().aggregate(
        late=Count("pk", filter=Q(due_at__lte=now) & ~Q(state__in=NEVER_LATE)),
        **{f"lane{place}": Count("pk", filter=Q(state__in=states)) for place, (_, states) in enumerate(LANES)},
    )
    lanes = [
        Lane(name, theirs, max(counts[f"lane{place}"] - len(theirs), 0))
        for place, ((name, _), theirs) in enumerate(zip(LANES, shown, strict=True))
    ]
    total = sum(lane.count for lane in lanes)
    return {"lanes": lanes, "total": total, "late": counts["late"], "to_assign": lanes[0].count}


def _choices(request) -> dict:
    sites = Site.objects.visible_to(request.user)
    wanted, operators = request.GET.get("operator", ""), operator_ids(request.user)
    if wanted.isdecimal() and (operators is None or int(wanted[:18]) in operators):
        operators = {int(wanted[:18])}
    busy = Count("work_orders", filter=Q(work_orders__closed_at=None), distinct=True)
    people = Technician.objects.for_operators(operators).select_related("centre").annotate(busy=busy).order_by("code")
    undecided = Incident.objects.visible_to(request.user).undecided(timezone.now())
    return {
        "asked": request.GET,
        "operators": Operator.objects.visible_to(request.user),
        "cities": sites.exclude(city="").order_by("city").values_list("city", flat=True).distinct()[:200],
        "priorities": Priority.choices,
        "technicians": list(people),
        "undecided": undecided.count(),
        "query": request.GET.urlencode(),
    }


def _map_of(lanes: list[Lane]) -> dict:
    marks = [
        [order.pk, order.site.latitude, order.site.longitude, order.shown_priority.colour, f"{order} {order.site.name}"]
        for lane in lanes
        for order in lane.orders
        if order.site.latitude is not None
    ]
    centres = list(ServiceCentre.objects.values("name", "latitude", "longitude"))
    return {"marks": marks, "centres": centres, "tiles": map_tiles()}


def _may_send(user) -> bool:
    return bool(roles_of(user) & {DISPATCHER, OPS})
