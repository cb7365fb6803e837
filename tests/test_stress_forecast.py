"""Stress drives a site's forecast up through the ordinary path, Heal brings it down: nothing here sets a risk."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sntry_site import interventions, tasks
from stations.models import Operator
from telemetry import charger_pasts, live_history, model_registry
from telemetry.models import SiteState
from telemetry.risk.charger_features import CHARGER_FEATURES
from telemetry.risk.forecast import fit
from telemetry.risk.observed import Log, Observed
from telemetry.risk.rows import charger_rows, hot_rows, split
from telemetry.risk.scorer import Scorer
from telemetry.simulation.network import network
from telemetry.simulation.observe import live
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.world import World

from . import fleet

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
KINDS, PORTS = ("DC Fast Charge", "Hyper-Fast", "Level 2"), (3, 12)
FIRST_DAY = 20_270  # of the history, in July


def learnt() -> Scorer:
    """A forecast that has learnt from thirteen weeks of a world of 150 sites."""
    world = World(network(150, 7), FIRST_DAY, 7, SCENARIOS["typical"])
    told = live(world, 90 * 48)
    logs = {name: Log.sorted(columns.pop("owner"), columns.pop("second"), **columns) for name, columns in told.items()}
    observed = Observed(world.chargers.site, world.chargers.kind, world.chargers.power_kw, **logs)
    rows = charger_rows(observed, 24)
    cut = split(rows.second, 24)
    forecast = fit("random_forest", rows, cut, 24, besides=hot_rows(observed, 24))
    return Scorer.of(forecast, rows.features[cut.train])


@pytest.fixture
def sites(db, settings, tmp_path):
    """Sites of each kind, small and large, that a forecast scores."""
    settings.MODEL_DIR, settings.TICK_SURGE_CHANCE = tmp_path, 0.0
    model_registry.forget()
    charger_pasts.forget()
    live_history.ensure_partition(START.date())
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    about = {"kind": "forecast", "level": "charger", "horizon_hours": 24}
    model_registry.store(learnt(), features=CHARGER_FEATURES, at=START, **about).activate(START)
    shapes = [(kind, ports) for kind in KINDS for ports in PORTS]
    return [
        fleet.live_site(operator, number, charger_type=kind, ports_total=ports)
        for number, (kind, ports) in enumerate(shapes)
    ]


def risks(sites, first: int, count: int) -> np.ndarray:
    """Risk of each site at so many ticks: (count, sites)."""
    found = []
    for number in range(first, first + count):
        tasks.tick(START + timedelta(seconds=10 * number))
        of = dict(SiteState.objects.values_list("site", "risk"))
        found.append([of[site.pk] for site in sites])
    return np.array(found)


def test_stress_drives_the_risk_of_any_site_above_nine_tenths_within_hours_and_heal_brings_it_down(sites):
    quiet = risks(sites, 0, 3)
    for site in sites:
        interventions.stress_site(site, None, START + timedelta(seconds=29))
    stressed = risks(sites, 4, 8)  # a tick is an hour of a stressed site
    for site in sites:
        interventions.heal_site(site, None, START + timedelta(seconds=119))
    healed = risks(sites, 13, 6)
    assert (quiet < 0.4).all()
    assert (stressed.max(axis=0) > 0.9).all(), stressed.round(2)
    assert (healed[-1] < 0.4).all(), healed.round(2)
