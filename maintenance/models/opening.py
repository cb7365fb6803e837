"""What a work order that is to be opened is, and its columns for the statement that opens many."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from telemetry.risk.taxonomy import REPAIR_OF

from ..service_levels import deadlines
from ..states import Priority, Severity
from .checklists import checklist_for
from .parts import part_name


@dataclass(frozen=True)
class Wanted:
    """A work order that should be open: where, why, and how sure we are."""

    site_id: int
    charger_id: int | None
    cause: str
    source: str
    risk: float | None
    title: str
    urgent: bool = False
    technician_id: int | None = None
    diagnosis_id: int | None = None
    severity: str = Severity.MODERATE.value
    reason: str = ""  # why so severe
    zone: str = ""  # time zone of the site; "": that of the data
    follows_id: int | None = None  # the order that could not be completed
    incident_id: int | None = None  # an open incident that has no order yet; none: a new one, or one about the same

    def sent(self, technician_id: int | None, zone: str) -> "Wanted":
        """The same order with a technician, at a site in a time zone."""
        return replace(self, technician_id=technician_id, zone=zone)

    @property
    def priority(self) -> Priority:
        return Priority.URGENT if self.urgent else Severity(self.severity).priority

    @property
    def skill(self) -> str:
        """What it takes to do it; "" where nothing is known."""
        repair = REPAIR_OF.get(self.cause)
        return repair.skill if repair else ""


def columns(wanted: list[Wanted], at: datetime) -> dict[str, list]:
    """The columns of `order_statements.OPEN` for orders that are opened `at`."""
    zones = [w.zone or settings.DATA_TIME_ZONE for w in wanted]
    dues = [deadlines(w.priority, at, zone) for w, zone in zip(wanted, zones, strict=True)]
    causes = sorted({w.cause for w in wanted})
    items = [
        (cause, place, *item)
        for cause in causes
        for place, item in enumerate(checklist_for(REPAIR_OF[cause].skill if cause in REPAIR_OF else ""))
    ]
    return {
        "sites": [w.site_id for w in wanted],
        "chargers": [w.charger_id for w in wanted],
        "causes": [w.cause for w in wanted],
        "sources": [w.source for w in wanted],
        "risks": [w.risk for w in wanted],
        "titles": [w.title[:200] for w in wanted],
        "priorities": [w.priority.value for w in wanted],
        "technicians": [w.technician_id for w in wanted],
        "diagnoses": [w.diagnosis_id for w in wanted],
        "severities": [w.severity for w in wanted],
        "reasons": [w.reason[:200] for w in wanted],
        "respond_by": [respond_by for respond_by, _ in dues],
        "due_at": [due_at for _, due_at in dues],
        "follows": [w.follows_id for w in wanted],
        "incidents": [w.incident_id for w in wanted],
        "part_causes": [cause for cause in causes if part_name(cause)],
        "part_names": [part_name(cause) for cause in causes if part_name(cause)],
        **dict(
            zip(
                ("item_causes", "item_places", "item_texts", "item_kinds", "item_required"),
                map(list, zip(*items, strict=True)),
                strict=True,
            )
        ),
    }
