"""Whether what the forecast is fed has moved away from what it learnt from."""

from datetime import timedelta

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from stations.admin_display import moment

from . import charger_pasts, kept_forecasts
from .models import ChargerRisk, ModelVersion, Outage
from .risk import drift
from .risk.charger_features import CHARGER_FEATURES

COUNTS_FROM = timedelta(minutes=30)  # that an outage must last
LABEL_DELAY = timedelta(hours=24) + COUNTS_FROM  # the horizon, and until an outage counts
LOOKS = {"steady": ("available", "●"), "watch": ("watch", "◆"), "act": ("critical", "▲"), "unknown": ("offline", "○")}
_ORDER = list(LOOKS)


def context() -> dict:
    """The features of all chargers now beside those of the training, and forecast beside observed failures."""
    model = ModelVersion.objects.active("forecast", "charger")
    at, features = charger_pasts.features_now()
    kept = kept_forecasts.context(timezone.now())
    if model is None or not model.metrics.get("reference"):
        return {"drift_model": model, "rows": [], **kept}
    is_same = list(model.features) == list(CHARGER_FEATURES)  # else columns of another version would be compared
    rows = drift.drift(model.metrics["reference"], features) if len(features) and is_same else []
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
    begun = Outage.objects.filter(started_at__gt=now - LABEL_DELAY, started_at__lte=now - COUNTS_FROM)
    long = begun.filter(Q(ended_at=None) | Q(ended_at__gte=F("started_at") + COUNTS_FROM))  # as the target has it
    failed = long.filter(charger__forecast__isnull=False).values("charger").distinct().count()
    share, risk = failed / known["all"], known["expected"] / known["working"]
    return {"share": 100 * share, "risk": 100 * risk, "chargers": known["all"]}
