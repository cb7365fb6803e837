"""What chargers say: their status when it changes, the code with a fault, and, if wanted, as untidily as real ones."""

import numpy as np

from .causes import CAUSES, GRID, column
from .journal import AVAILABLE, FAULTED, STATUSES, UNAVAILABLE
from .state import UPKEEP
from .streams import Streams
from .world import World

_CODES, _VENDOR_CODES = column("error_code"), column("vendor_code")
VAGUE_SHARE = 0.15  # of faults that come as InternalError and no vendor code (assumption)
_DUPLICATES, _LATE, _RESET_CLOCKS, _BOOT_FAULTS = 0.01, 0.02, 0.0002, 0.005  # shares of reports (assumptions)
_BOOT_SECONDS, _LATEST_ROWS = 40, 500


def opening_reports(world: World) -> dict[str, np.ndarray]:
    """What every charger would say now, columns as in journal.REPORT: the state in which a file begins."""
    state, count = world.state, len(world.chargers)
    silent = np.array([cause.status == "OFFLINE" for cause in CAUSES])
    status = np.where(state.is_charging, STATUSES.index("CHARGING"), AVAILABLE)
    broken = ~state.seems_up & (state.down != UPKEEP)
    fault = np.where(silent[np.where(broken, state.down, GRID)], STATUSES.index("OFFLINE"), FAULTED)
    status = np.where(broken, fault, np.where(state.down == UPKEEP, UNAVAILABLE, status))
    return {
        "charger": np.arange(count, dtype="i4"),
        "minute": np.full(count, (world.step - 1) * 30.0),
        "status": status,
        "cause": np.where(broken, state.down, -1),
        "temperature_c": state.cabinet_c,
    }


def error_codes(reports: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """`code` (OCPP 1.6) and `vendor_code` of each report: empty unless it is a fault; some faults are told vaguely.

    A charger that fell silent says nothing: its codes are what the back office notes.
    """
    cause = reports["cause"].astype(int)
    is_fault, vague = cause >= 0, is_vague(reports["charger"], reports["minute"], seed)
    code = np.where(is_fault, np.where(vague, "InternalError", _CODES[cause]), "")
    return {"code": code, "vendor_code": np.where(is_fault & ~vague, _VENDOR_CODES[cause], "")}


def is_vague(charger: np.ndarray, minute: np.ndarray, seed: int) -> np.ndarray:
    """Whether a fault that a charger (index) tells at a minute comes as InternalError without a vendor code."""
    return Streams(seed).hashed("failures", charger, np.round(60 * np.asarray(minute, "f8"))) < VAGUE_SHARE


def with_dirt(reports: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The reports as a real network sends them: some twice, some late and so out of order, some dated 1970.

    Some chargers that become available say FAULTED with NoError while they boot, and AVAILABLE half a minute later.
    """
    rng = Streams(seed).generator("failures", "dirt", _first_day(reports))
    rows = {name: values.copy() for name, values in reports.items()}
    boots = (rows["status"] == AVAILABLE) & (rng.random(len(rows["status"])) < _BOOT_FAULTS)
    boot = {name: values[boots] for name, values in rows.items()}
    boot |= {"status": np.full(boots.sum(), float(FAULTED)), "code": np.full(boots.sum(), "NoError")}
    rows["minute"][boots] += _BOOT_SECONDS / 60
    again = rng.random(len(rows["minute"])) < _DUPLICATES
    twice = {name: values[again] for name, values in rows.items()}
    rows = {name: np.concatenate([rows[name], boot[name], twice[name]]) for name in rows}
    place = np.argsort(np.argsort(rows["minute"], kind="stable")).astype(float)
    place += np.where(rng.random(len(place)) < _LATE, rng.random(len(place)) * _LATEST_ROWS, 0)
    order = np.argsort(place, kind="stable")
    rows = {name: values[order] for name, values in rows.items()}
    lost = rng.random(len(order)) < _RESET_CLOCKS
    rows["minute"][lost] = rng.random(lost.sum()) * 60  # a clock that began again at nothing
    return rows


def _first_day(reports: dict[str, np.ndarray]) -> int:
    return int(reports["minute"][0] // 1440) if len(reports["minute"]) else 0
