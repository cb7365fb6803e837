"""How good the forecast is, on a simulated world whose truth is known."""

import json
from pathlib import Path

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from stations.progress import ConsoleProgress
from telemetry.risk.observed import Log, Observed
from telemetry.risk.report import evaluate
from telemetry.risk.rows import EVERY_HOURS, MEMORY_DAYS, Rows, charger_rows, hot_rows, site_rows
from telemetry.risk.site_features import observed_sites
from telemetry.risk.target import HORIZONS
from telemetry.simulation.network import network
from telemetry.simulation.observe import live, live_by_readings
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.streams import STEPS_PER_DAY
from telemetry.simulation.world_files import settled_world
from telemetry.simulation_truth import oracle_risk

BEGIN = np.datetime64("2026-05-01T00:00")
ORACLE_EVERY_STEPS = 58  # half-hours: a bit more than a day, so that all hours come up
TEST_FROM = 0.8  # share of the time after which the oracle is asked


class Command(BaseCommand):
    help = "Fit all models on a simulated world and compare them with the truth."

    def add_arguments(self, parser):
        parser.add_argument("--world", choices=[*SCENARIOS], default="typical", help="scenario (default typical)")
        parser.add_argument("--sites", type=int, default=150)
        parser.add_argument("--days", type=int, default=150)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument(
            "--level", choices=["charger", "site"], default="charger",
            help="site: whole sites, from the 33 columns of their readings alone (default charger)",
        )  # fmt: skip
        parser.add_argument("--horizon", type=int, choices=HORIZONS, default=24, help="hours")
        parser.add_argument("--json", type=Path, help="write the whole report to this file")

    def handle(self, *args, world, sites, days, seed, horizon, level, **options):
        if days < 2 * MEMORY_DAYS:
            raise CommandError(
                f"--days must be {2 * MEMORY_DAYS} at least, because features look {MEMORY_DAYS} days back."
            )
        with ConsoleProgress("Living in the world") as progress:
            living = lived if level == "charger" else lived_by_readings
            observed, oracle = living(world, sites, days, seed, horizon, progress)
        with ConsoleProgress("Comparing") as progress:
            rows, risk = rows_with_oracle(observed, oracle, horizon, charger_rows if level == "charger" else site_rows)
            hot = hot_rows(observed, horizon) if level == "charger" else None
            try:
                _, report = evaluate(rows, horizon, seed, risk, hot, progress)
            except ValueError as error:
                raise CommandError(f"Nothing can be measured: {error}.") from None
        if options["json"]:
            options["json"].write_text(json.dumps(report, indent=1))
        show(report)


def lived(scenario: str, sites: int, days: int, seed: int, horizon: int, progress) -> tuple[Observed, dict]:
    """What was observed of a world, and the oracle's risks (n,) by the second at which it was asked."""
    world, _ = settled_world(network(sites, seed), BEGIN, seed, SCENARIOS[scenario])
    oracle, steps = {}, days * STEPS_PER_DAY
    told = live(world, steps, _asking(world, steps, horizon, progress, oracle))
    logs = {name: Log.sorted(c.pop("owner"), c.pop("second"), **c) for name, c in told.items()}
    chargers = world.chargers
    asked = {(step - 1) * 1800: risk for step, risk in oracle.items()}
    return Observed(chargers.site, chargers.kind, chargers.power_kw, **logs), asked


def lived_by_readings(scenario: str, sites: int, days: int, seed: int, horizon: int, progress) -> tuple[Observed, dict]:
    """The same of whole sites by their readings; their risk is the oracle's that any of their chargers fails.

    It takes the chargers of a site for independent, which those behind one supply are not.
    """
    world, _ = settled_world(network(sites, seed), BEGIN, seed, SCENARIOS[scenario])
    oracle, steps = {}, days * STEPS_PER_DAY
    told = live_by_readings(world, steps, _asking(world, steps, horizon, progress, oracle))
    readings = Log.sorted(told.pop("owner"), told.pop("second"), **told)
    chargers = world.chargers
    first = np.searchsorted(chargers.site, np.arange(sites))
    asked = {}
    for step, risk in oracle.items():
        none_fails = np.bincount(chargers.site, np.log1p(-np.clip(risk, 0, 1 - 1e-9)), sites)
        asked[step * 1800] = -np.expm1(none_fails)
    return observed_sites(chargers.kind[first], chargers.power_kw[first], readings), asked


def _asking(world, steps: int, horizon: int, progress, oracle: dict):
    """Called after each half-hour: tells how far it is, and keeps the oracle's answers by the world's step."""
    begin = world.step
    ask_from, ask_until = begin + int(steps * TEST_FROM), begin + steps - 2 * horizon

    def each(world) -> None:
        if (world.step - begin) % STEPS_PER_DAY == 0:
            progress(world.step - begin, steps)
        if ask_from <= world.step < ask_until and (world.step - ask_from) % ORACLE_EVERY_STEPS == 0:
            oracle[world.step] = oracle_risk(world, horizon)

    return each


def rows_with_oracle(
    observed: Observed, oracle: dict[int, np.ndarray], horizon: int, make_rows=charger_rows
) -> tuple[Rows, np.ndarray]:
    """Rows at regular moments and at those at which the oracle was asked, with its risk, NaN elsewhere."""
    first = int(observed.readings.second.min()) + MEMORY_DAYS * 86_400
    regular = np.arange(first, observed.end - 3600 * horizon, EVERY_HOURS * 3600)
    rows = make_rows(observed, horizon, moments=np.union1d(regular, np.array(sorted(oracle), "i8")))
    risk = np.full(len(rows), np.nan)
    for second, values in oracle.items():
        here = rows.second == second
        risk[here] = values[rows.charger[here]]
    return rows, risk


def show(report: dict) -> None:
    """The table of models and the sentence, on the terminal."""
    console = Console()
    title = (
        f"Outage of a {report['level']} within {report['horizon_hours']:g} h: {report['rows']['test']:,} rows tested, "
        f"{report['sites']} sites, prevalence {report['prevalence']:.3f}"
    )
    table = Table("model", "average precision", "Brier skill", "calibration slope", "AUC", title=title)
    for line in report["models"]:
        cells = (_with_interval(line[name]) for name in ("average_precision", "brier_skill", "slope"))
        table.add_row(line["name"].replace("_", " "), *cells, f"{line['auc']:.3f}")
    console.print(table)
    if "oracle" in report:
        best = report["oracle"]
        console.print(
            f"The oracle, on {best['rows']:,} of these rows: {_with_interval(best['average_precision'])}, AUC "
            f"{best['auc']:.3f}; the main model has {_with_interval(best['share'])} of its average precision."
        )
    if unseen := report["unseen_sites"]:
        console.print(f"On sites not seen before: {_with_interval(unseen['average_precision'])}.")
    console.print(report["verdict"])


def _with_interval(measured: dict) -> str:
    low, high = measured["interval"]
    return f"{measured['value']:.3f} ({low:.3f} to {high:.3f})"
