"""What the panels of the board say: figures, what is expected, and the list of sites, for one view."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Avg, Count, F, FloatField, Q, Sum
from django.db.models.functions import Cast
from django.template.loader import render_to_string

from maintenance.models import WorkOrder
from pricing.models import PriceChange
from stations.models import Operator
from telemetry.models import ModelVersion, RiskLevel, SiteState, Tick

from .board_view import ORDERS, BoardView
from .money import dollars, price

AT_RISK_ROWS = 25
OUTLOOK_ROWS = 5


def summary(view: BoardView) -> dict:
    """The five figures of the header, each with what to compare it with."""
    index_now = Cast("price", FloatField()) * F("utilization") * F("site__session_minutes")
    index_usual = Cast("price", FloatField()) * F("usual_utilization") * F("site__session_minutes")
    totals = view.of(SiteState.objects).aggregate(
        sites=Count("pk"),
        available=Sum("ports_available", default=0),
        occupied=Sum("ports_occupied", default=0),
        out=Sum("ports_out_of_service", default=0),
        loss=Sum("expected_loss", default=0),
        watch=Count("pk", filter=Q(level=RiskLevel.WATCH)),
        critical=Count("pk", filter=Q(level=RiskLevel.CRITICAL)),
        mean_utilization=Avg("utilization", default=0.0),
        usual=Avg("usual_utilization", default=0.0),
        index=Sum(index_now, default=0.0),
        usual_index=Sum(index_usual, default=0.0),
        risky_index=Sum("revenue_at_risk", filter=~Q(level=RiskLevel.LOW), default=0.0),
        risky_loss=Sum("expected_loss", filter=~Q(level=RiskLevel.LOW), default=0),
    )
    orders = view.of(WorkOrder.objects).open()
    order_counts = orders.aggregate(all=Count("pk"), urgent=Count("pk", filter=Q(priority=WorkOrder.Priority.URGENT)))
    changes = view.of(PriceChange.objects).filter(applied=True)
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
            "value": _percent(totals["mean_utilization"]) if totals["sites"] else "–",
            "note": f"usually {_percent(totals['usual'])}" if totals["sites"] else "no site yet",
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


def at_risk(view: BoardView, order: str, level: str = "") -> list[dict]:
    """The worst sites, in one of ORDERS, as rows for people."""
    states = view.of(SiteState.objects).filter(at__isnull=False)
    if level:
        states = states.exclude(level=RiskLevel.LOW) if level == "risk" else states.filter(level=level)
    worst = states.select_related("site__operator").order_by(f"-{ORDERS[order][1]}", "-risk", "pk")
    return [_row(state) for state in worst[:AT_RISK_ROWS]]


def outlook(view: BoardView, totals: dict) -> dict:
    """What is expected: the five highest risks, what they may cost, and how busy the network is, each compared."""
    riskiest = view.of(SiteState.objects).filter(at__isnull=False).select_related("site__operator")
    rows = [_row(state) for state in riskiest.order_by("-risk", "-expected_loss", "pk")[:OUTLOOK_ROWS]]
    return {
        "rows": rows,
        "loss": f"{dollars(totals['risky_loss'])}/h",
        "loss_share": _share(totals["risky_loss"], totals["loss"]),
        "loss_whole": f"{dollars(totals['loss'])}/h",
        "index": f"{totals['risky_index']:,.0f}",
        "index_share": _share(totals["risky_index"], totals["index"]),
        "index_change": _against(totals["index"], totals["usual_index"]),
        "utilization": _percent(totals["mean_utilization"]),
        "usual": _percent(totals["usual"]),
        "points": f"{100 * (totals['mean_utilization'] - totals['usual']):+.1f}",
        "at_risk": totals["watch"] + totals["critical"],
        "sites": totals["sites"],
    }


def _share(part, whole) -> str:
    return f"{100 * float(part) / float(whole):.0f} %" if whole else "–"


def _against(now: float, usual: float) -> str:
    return f"{100 * (now / usual - 1):+.0f} % against usual load" if usual else "no usual load is known yet"


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
        "external_id": site.external_id,
        "risk": f"{100 * state.risk:.0f} %",
        "risk_width": round(100 * state.risk),
        "loss": f"{dollars(state.expected_loss)}/h",
        "index": f"{state.revenue_at_risk:.1f}",
        "price": price(state.price),
    }


def _usage(state: SiteState) -> str:
    """What a site does now, for one whose risk has no reason to name."""
    out = f", {state.ports_out_of_service} of {state.site.ports_total} ports out" if state.ports_out_of_service else ""
    return f"{100 * state.utilization:.0f} % in use, usually {100 * state.usual_utilization:.0f} %{out}"


def scoring() -> dict:
    """What scored the last finished tick ("rule" or "model 3"), what was wrong with it, and when that tick was."""
    tick = Tick.objects.last_finished()
    if tick is None:
        return {"scorer": "rule", "kind": "", "warning": "", "tick_at": None}
    number = tick.scorer.removeprefix("model ")
    version = ModelVersion.objects.filter(pk=number).only("kind").first() if number.isdecimal() else None
    kind = version.get_kind_display().lower() if version else ""
    return {"scorer": tick.scorer or "rule", "kind": kind, "warning": tick.warning, "tick_at": tick.finished_at}


def context(view: BoardView) -> dict:
    """What the live panels' templates need."""
    operators = Operator.objects.of_operators(view.operators)
    totals = summary(view)
    return {
        "summary": totals,
        "outlook": outlook(view, totals),
        "is_simulated": operators.filter(is_simulated=True).exists(),
        **scoring(),
    }


def render_panel(name: str, values: dict) -> str:
    """One panel as HTML."""
    return render_to_string(f"board/{name}.html", values)
