"""What happened, as it happened: sessions, status reports and outages, kept as pieces until somebody takes them."""

import numpy as np

STATUSES = ("AVAILABLE", "PREPARING", "CHARGING", "UNAVAILABLE", "FAULTED", "OFFLINE")
AVAILABLE, PREPARING, CHARGING, UNAVAILABLE, FAULTED, OFFLINE = range(len(STATUSES))
SESSION = ("charger", "start", "end", "kwh", "success", "reason", "price")
HEAT_TOLD_C = 70.0  # from here on a cabinet's temperature is told once an hour (assumption)
REPORT = ("charger", "minute", "status", "cause", "temperature_c")
OUTAGE = (
    "charger", "start", "end", "cause", "is_trip", "was_announced", "is_visit", "detected", "dispatched", "arrived",
    "onsite_minutes", "waited_for_parts", "told",
)  # fmt: skip


class Journal:
    """Pieces of each kind; times are minutes since 1970."""

    def __init__(self) -> None:
        self._pieces: dict[str, list] = {"sessions": [], "reports": [], "outages": []}

    def session(self, *columns: np.ndarray) -> None:
        """Sessions that ended; columns as in SESSION."""
        self._pieces["sessions"].append(columns)

    def report(self, charger: np.ndarray, minute, status: int, temperature_c, cause=-1) -> None:
        """Chargers (indices) that enter a status at their minutes."""
        if len(charger):
            size = np.zeros(len(charger))
            columns = (charger, minute + size, status + size, cause + size, temperature_c + size)
            self._pieces["reports"].append(columns)

    def tell_heat(self, state, minute: float) -> None:
        """Hot chargers repeat their status with their temperature, because heat that lasts changes no status."""
        hot = np.flatnonzero(state.seems_up & (state.cabinet_c >= HEAT_TOLD_C))
        charging, failing = state.is_charging[hot], state.is_failing[hot]
        for status, rows in (
            (AVAILABLE, hot[~charging]), (PREPARING, hot[charging & failing]), (CHARGING, hot[charging & ~failing])
        ):  # fmt: skip
            self.report(rows, minute, status, state.cabinet_c[rows])

    def outage(self, *columns: np.ndarray) -> None:
        """Outages with all that will come of them; columns as in OUTAGE."""
        self._pieces["outages"].append(columns)

    def take(self) -> dict[str, dict[str, np.ndarray]]:
        """What was written since the last time, by kind, as columns in order of time and charger."""
        taken = {}
        for kind, names in (("sessions", SESSION), ("reports", REPORT), ("outages", OUTAGE)):
            pieces, self._pieces[kind] = self._pieces[kind], []
            columns = [np.concatenate(column) for column in zip(*pieces, strict=True)] if pieces else [[]] * len(names)
            rows = {name: np.asarray(column) for name, column in zip(names, columns, strict=True)}
            rows["charger"] = rows["charger"].astype("i4")
            order = np.lexsort((rows["charger"], rows[names[1]])) if pieces else []
            taken[kind] = {name: column[order] if pieces else column for name, column in rows.items()}
        return taken
