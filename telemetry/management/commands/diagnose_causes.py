"""How well root causes are told, on a simulated world whose truth is known."""

import json
from pathlib import Path

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from stations.progress import ConsoleProgress
from telemetry.risk.cause_evidence import Failures, before, failures
from telemetry.risk.cause_report import evaluate
from telemetry.risk.charger_features import FeatureMaker
from telemetry.risk.observed import Log, Observed
from telemetry.simulation.causes import NAMES, column
from telemetry.simulation.network import network
from telemetry.simulation.observe import live_and_know
from telemetry.simulation.orders import closed_orders
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.reports import error_codes
from telemetry.simulation.streams import STEPS_PER_DAY
from telemetry.simulation.world_files import settled_world

from .evaluate_risk import BEGIN

_MEASURES = ("accuracy", "macro_f1", "top_3", "parts_hit")


class Command(BaseCommand):
    help = "Learn causes from the closed work orders of a simulated world, and compare diagnoses with the truth."

    def add_arguments(self, parser):
        parser.add_argument("--world", choices=[*SCENARIOS], default="typical", help="scenario (default typical)")
        parser.add_argument("--sites", type=int, default=300)
        parser.add_argument("--days", type=int, default=183)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--json", type=Path, help="write the whole report to this file")

    def handle(self, *args, world, sites, days, seed, **options):
        with ConsoleProgress("Living in the world") as progress:
            told, expected, found, truth = lived_failures(world, sites, days, seed, progress)
        with ConsoleProgress("Diagnosing") as progress:
            try:
                _, report = evaluate(told, expected, found, truth, seed, progress)
            except ValueError as error:
                raise CommandError(f"Nothing can be measured: {error}.") from None
        if options["json"]:
            options["json"].write_text(json.dumps(report, indent=1))
        show(report)


def lived_failures(
    scenario: str, sites: int, days: int, seed: int, progress
) -> tuple[Failures, Failures, np.ndarray, np.ndarray]:
    """Failures of a world as told and as they could be expected, the cause found ("": no visit), and the true one."""
    world, _ = settled_world(network(sites, seed), BEGIN, seed, SCENARIOS[scenario])
    begin, steps = world.step, days * STEPS_PER_DAY

    def each(world) -> None:
        if (world.step - begin) % STEPS_PER_DAY == 0:
            progress(world.step - begin, steps)

    told, outages = live_and_know(world, steps, each)
    logs = {name: Log.sorted(c.pop("owner"), c.pop("second"), **c) for name, c in told.items()}
    observed = Observed(world.chargers.site, world.chargers.kind, world.chargers.power_kw, **logs)
    return known_failures(
        observed, outages, closed_orders(outages, world.chargers, (world.step - 1) * 30.0, seed), seed
    )


def known_failures(observed: Observed, outages: dict, orders: dict, seed: int):
    """The same from what was observed, the outages as they were (journal.OUTAGE), and the orders closed for them."""
    maker, cause = FeatureMaker(observed), outages["cause"].astype(int)
    charger, second = outages["charger"], np.round(60 * outages["told"]).astype("i8")
    codes = error_codes({"charger": charger, "minute": outages["told"], "cause": cause}, seed)
    is_offline = column("status")[cause] == "OFFLINE"
    found = {
        (int(one), float(opened)): NAMES[which]
        for one, opened, which in zip(orders["charger"], orders["opened"], orders["cause"], strict=True)
    }
    labels = [found.get((int(c), float(d)), "") for c, d in zip(charger, outages["detected"], strict=True)]
    told = failures(maker, charger, second, is_offline, codes["code"], codes["vendor_code"])
    return told, before(maker, charger, second), np.array(labels), np.array(NAMES)[cause]


def show(report: dict) -> None:
    """The table of ways to tell a cause, and what was found without labels, on the terminal."""
    console = Console()
    title = (
        f"Root causes: {report['test']:,} failures diagnosed after learning from {report['train']:,}, "
        f"judged by {report['judged_by']}"
    )
    table = Table("way", *(name.replace("_", " ") for name in _MEASURES), "unknown", title=title)
    for line in report["ways"]:
        cells = (_with_interval(line[name]) for name in _MEASURES)
        table.add_row(line["name"], *cells, f"{line['unknown']:.0%}")
    console.print(table)
    groups = report["groups"]
    if not groups:
        console.print("Too few failures to look for groups.")
        return
    console.print(
        f"{groups['count']} groups among {groups['failures']:,} failures (silhouette {groups['silhouette']:.2f}, "
        f"stability {groups['stability']:.2f})."
    )
    for name, agreed in groups["agreement"].items():
        cause, kind = ("–" if agreed[one] is None else _with_interval(agreed[one]) for one in ("cause", "kind"))
        console.print(f"{name.replace('_', ' ')}: adjusted Rand index {cause} with cause, {kind} with kind of charger")


def _with_interval(measured: dict) -> str:
    low, high = measured["interval"]
    return f"{measured['value']:.3f} ({low:.3f} to {high:.3f})"
