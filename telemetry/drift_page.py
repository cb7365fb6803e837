"""Whether what the forecast is fed has moved away from what it learnt from."""

from datetime import timedelta

from django.db.models import Count, Q, Sum
from django.utils import timezone

from stations.admin_display import moment

from . import charger_pasts, kept_forecasts
from .models import ChargerRisk, ModelVersion, Outage
from .risk import drift

LABEL_DELAY = timedelta(hours=24, minutes=30)  # the horizon, and half an hour until an outage counts
LOOKS = {"steady": ("available", "●"), "watch": ("watch", "◆"), "act": ("critical", "▲"), "unknown": ("offline", "○")}
_ORDER = list(LOOKS)


def context() -> dict:
    """The features of all chargers now beside those of the training, and forecast beside observed failures."""
    model = ModelVersion.objects.active("forecast", "charger")
    at, features = charger_pasts.features_now()
    kept = kept_forecasts.context(timezone.now())
    if model is None or not model.metrics.get("reference"):
        return {"drift_model": model, "rows": [], **kept}
    rows = drift.drift(model.metrics["reference"], features) if len(features) else []
    rows.sort(key=lambda row: -(row["psi"] or 0))
    return {
        **kept,
        "drift_model": model,
        "rows": [{**row, "name": row["name"].replace("_", " "), "look": LOOKS[row["verdict"]]} for row in rows],
        "made": moment(at) if at else "",
        "observed": _observed(),
        "shift": [
            (word, LOOKS[word], sum(row["verdict"] == word for row in rows)) for word in ("act", "watch", "steady")
        ],
    }


def _observed() -> dict | None:
    """Mean risk of the working chargers now, and how many began an outage in the last day of which all is known."""
    now = timezone.now()
    known = ChargerRisk.objects.aggregate(
        expected=Sum("probability"), working=Count("pk", filter=Q(probability__isnull=False)), all=Count("pk")
    )
    if not known["working"]:
        return None
    begun = Outage.objects.filter(started_at__gt=now - LABEL_DELAY, started_at__lte=now - timedelta(minutes=30))
    failed = begun.filter(charger__forecast__isnull=False).values("charger").distinct().count()
    share, risk = failed / known["all"], known["expected"] / known["working"]
    return {"share": 100 * share, "risk": 100 * risk, "chargers": known["all"]}
