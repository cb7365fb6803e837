"""What the panels of the board say: figures, the list of sites at risk and the event log, for a set of operators."""

from decimal import Decimal

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Avg, Count, Q, Sum
from django.template.loader import render_to_string

from maintenance.models import WorkOrder
from pricing.models import PriceChange
from stations.models import FleetEvent, Operator
from telemetry.models import ModelVersion, RiskLevel, SiteState, Tick

AT_RISK_ROWS = 12
EVENT_ROWS = 50

# Name in the address -> word on the page, column to sort by.
ORDERS = {
    "loss": ("expected loss", "expected_loss"),
    "index": ("revenue-at-risk index", "revenue_at_risk"),
    "risk": ("risk", "risk"),
}

# Kind of event -> group of the log's filter, colour and shape.
EVENT_LOOKS = {
    "TRAFFIC_SURGE_DETECTED": ("risk", "watch", "◆"),
    "RISK_RAISED": ("risk", "critical", "▲"),
    "SURGE_OPENED": ("price", "watch", "◆"),
    "SURGE_ANNOUNCED": ("price", "watch", "◆"),
    "SURGE_CANCELLED": ("price", "available", "●"),
    "SURGE_CLOSED": ("price", "available", "●"),
    "REROUTE_OPENED": ("price", "in-use", "■"),
    "REROUTE_ANNOUNCED": ("price", "in-use", "■"),
    "REROUTE_CANCELLED": ("price", "available", "●"),
    "REROUTE_CLOSED": ("price", "available", "●"),
    "LIMIT_OPENED": ("price", "watch", "◆"),
    "LIMIT_CLOSED": ("price", "available", "●"),
    "PRICE_PROPOSED": ("price", "watch", "◆"),
    "PRICES_STOPPED": ("price", "critical", "▲"),
    "PRICES_RELEASED": ("price", "available", "●"),
    "WORK_ORDER_OPENED": ("work", "in-use", "■"),
    "WORK_ORDER_SENT": ("work", "in-use", "■"),
    "WORK_ORDER_PRIORITY": ("work", "watch", "◆"),
    "WORK_ORDER_DUE_SOON": ("work", "watch", "◆"),
    "WORK_ORDER_LATE": ("work", "critical", "▲"),
    "WORK_ORDER_CLOSED": ("work", "available", "●"),
    "CHARGER_FAULTED": ("charger", "critical", "▲"),
    "CHARGER_RECOVERED": ("charger", "available", "●"),
    "STRESSED": ("action", "watch", "◆"),
    "HEALED": ("action", "available", "●"),
}
EVENT_GROUPS = {
    "risk": "Risk",
    "price": "Prices",
    "work": "Work orders",
    "charger": "Chargers",
    "action": "Stress and heal",
}


def dollars(amount) -> str:
    """An amount for people: cents only below ten dollars."""
    amount = Decimal(amount or 0)
    return f"${intcomma(f'{amount:.2f}' if abs(amount) < 10 else f'{amount:.0f}')}"


def price(amount) -> str:
    """A price per kWh or minute; a third or fourth decimal only where it has one."""
    if amount is None:
        return ""
    text = f"{Decimal(amount):.4f}".rstrip("0")
    return f"${text + '0' * max(0, 2 - len(text.partition('.')[2]))}"


def summary(operator_ids) -> dict:
    """The five figures of the header, each with what to compare it with."""
    totals = SiteState.objects.of_operators(operator_ids).aggregate(
        sites=Count("pk"),
        available=Sum("ports_available", default=0),
        occupied=Sum("ports_occupied", default=0),
        out=Sum("ports_out_of_service", default=0),
        loss=Sum("expected_loss", default=0),
        watch=Count("pk", filter=Q(level=RiskLevel.WATCH)),
        critical=Count("pk", filter=Q(level=RiskLevel.CRITICAL)),
        utilization=Avg("utilization", default=0.0),
        usual=Avg("usual_utilization", default=0.0),
    )
    orders = WorkOrder.objects.of_operators(operator_ids).open()
    order_counts = orders.aggregate(all=Count("pk"), urgent=Count("pk", filter=Q(priority=WorkOrder.Priority.URGENT)))
    changes = PriceChange.objects.of_operators(operator_ids).filter(applied=True)
    change_counts = changes.aggregate(
        surges=Count("pk", filter=Q(kind=PriceChange.Kind.SURGE)),
        reroutes=Count("pk", filter=Q(kind=PriceChange.Kind.REROUTE)),
    )
    chargers = totals["available"] + totals["occupied"] + totals["out"]
    return {**totals, "chargers": chargers, "tiles": _tiles(totals, chargers, order_counts, change_counts)}


def _tiles(totals: dict, chargers: int, orders: dict, changes: dict) -> list[dict]:
    at_risk = totals["watch"] + totals["critical"]
    reroutes = changes["reroutes"]
    usable = totals["available"] + totals["occupied"]
    share = f"{usable / chargers:.1%}".replace("%", " %") if chargers else "–"
    return [
        {
            "id": "usable",
            "name": "Chargers available",
            "value": share,
            "note": f"{intcomma(usable)} of {intcomma(chargers)} in service · {intcomma(totals['out'])} out",
        },
        {
            "id": "loss",
            "name": "Expected loss now",
            "value": f"{dollars(totals['loss'])}/h",
            "note": f"estimate · {at_risk} {_plural(at_risk, 'site')} at risk",
        },
        {
            "id": "utilization",
            "name": "Mean utilization",
            "value": _percent(totals["utilization"]),
            "note": f"usually {_percent(totals['usual'])}",
        },
        {
            "id": "orders",
            "name": "Open work orders",
            "value": intcomma(orders["all"]),
            "note": f"{orders['urgent']} urgent",
        },
        {
            "id": "surges",
            "name": "Open surges",
            "value": intcomma(changes["surges"]),
            "note": f"{reroutes} reroute {_plural(reroutes, 'discount')}",
        },
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"


def at_risk(operator_ids, order: str) -> list[dict]:
    """The worst sites, in one of ORDERS, as rows for people."""
    states = (
        SiteState.objects.of_operators(operator_ids)
        .filter(at__isnull=False)
        .select_related("site__operator")
        .order_by(f"-{ORDERS[order][1]}", "-risk", "pk")[:AT_RISK_ROWS]
    )
    return [_row(state) for state in states]


def _row(state: SiteState) -> dict:
    site = state.site
    operator = site.operator.name
    kind = f"{site.charger_type} {site.power_kw:.0f} kW"
    level = RiskLevel(state.level)
    return {
        "id": site.pk,
        "name": site.name,
        "about": f"{'' if operator in site.name else f'{operator} · '}{kind} · {site.ports_total} ports",
        "reason": state.reason or _usage(state),
        "stressed": state.is_stressed,
        "level": level,
        "risk": f"{100 * state.risk:.0f} %",
        "loss": f"{dollars(state.expected_loss)}/h",
        "index": f"{state.revenue_at_risk:.1f}",
        "price": price(state.price),
    }


def _usage(state: SiteState) -> str:
    """What a site does now, for one whose risk has no reason to name."""
    out = f", {state.ports_out_of_service} of {state.site.ports_total} ports out" if state.ports_out_of_service else ""
    return f"{100 * state.utilization:.0f} % in use, usually {100 * state.usual_utilization:.0f} %{out}"


def events(operator_ids) -> list[dict]:
    """The newest events, newest first."""
    return [
        {
            "id": event.pk,
            "at": event.at,
            "label": event.get_kind_display(),
            "look": dict(zip(("group", "colour", "shape"), EVENT_LOOKS[event.kind], strict=True)),
            "site": event.site,
            "message": event.message,
            "old_price": price(event.old_price),
            "new_price": price(event.new_price),
        }
        for event in FleetEvent.objects.of_operators(operator_ids).newest(EVENT_ROWS)
    ]


def scoring() -> dict:
    """What scored the last finished tick ("rule" or "model 3"), what was wrong with it, and when that tick was."""
    tick = Tick.objects.filter(finished_at__isnull=False).order_by("-finished_at").first()
    if tick is None:
        return {"scorer": "rule", "kind": "", "warning": "", "tick_at": None}
    number = tick.scorer.removeprefix("model ")
    version = ModelVersion.objects.filter(pk=number).only("kind").first() if number.isdecimal() else None
    kind = version.get_kind_display().lower() if version else ""
    return {"scorer": tick.scorer or "rule", "kind": kind, "warning": tick.warning, "tick_at": tick.finished_at}


def context(operator_ids, order: str) -> dict:
    """Everything that the panels' templates need."""
    operators = Operator.objects.of_operators(operator_ids)
    return {
        "summary": summary(operator_ids),
        "is_simulated": operators.filter(is_simulated=True).exists(),
        **scoring(),
        "rows": at_risk(operator_ids, order),
        "order": order,
        "orders": {name: word for name, (word, _) in ORDERS.items()},
        "events": events(operator_ids),
        "event_groups": EVENT_GROUPS,
    }


def render_panel(name: str, values: dict) -> str:
    """One panel as HTML."""
    return render_to_string(f"board/{name}.html", values)
