"""Which trained model may score: the gate, a person who overrides it with a reason, and the way back."""

from dataclasses import dataclass
from datetime import datetime

from .models import ModelVersion

State = ModelVersion.State
NOISE = 0.01  # of average precision: a retraining on the same history moves it by as much


@dataclass(frozen=True)
class Verdict:
    """Whether a model may score by itself, and why."""

    passes: bool
    why: str

    def as_dict(self) -> dict:
        return {"passes": self.passes, "why": self.why}


def judge(has_signal: bool, gain: dict, against_active: dict | None) -> Verdict:
    """The gate. `gain` is average precision minus persistence, `against_active` minus the model that scores now.

    Both are paired differences on the same rows: {"value", "interval": [low, high]}, a 95 % interval by bootstrap over
    sites; `against_active` is None where nothing scores yet.
    """
    said = f"average precision minus persistence {_interval(gain)}"
    if not has_signal:
        return Verdict(False, "there is no signal in this history: failures cannot be forecast from it")
    if not gain["interval"][0] > 0:
        return Verdict(False, f"it does not beat persistence: {said}")
    if against_active is None:
        return Verdict(True, f"it beats persistence: {said}; no other model scores")
    compared = f"minus the active model on the same rows {_interval(against_active)}"
    if against_active["value"] < -NOISE or against_active["interval"][1] < 0:
        return Verdict(False, f"the active model does better: {compared}")
    return Verdict(True, f"it beats persistence: {said}; {compared}")


def decide(model: ModelVersion, verdict: Verdict, stands_by: bool, at: datetime) -> bool:
    """Let `model` score if the gate lets it through; else it stays a candidate, or stands by as a shadow."""
    model.metrics["gate"] = verdict.as_dict()
    model.save(update_fields=["metrics"])
    if verdict.passes:
        model.activate(at, reason=verdict.why)
    else:
        model.put(State.SHADOW if stands_by else State.CANDIDATE, verdict.why)
    return verdict.passes


def refusal(model: ModelVersion) -> str:
    """Why the gate does not let `model` score; empty where it does, or where it was never asked."""
    gate = model.metrics.get("gate")
    return "" if gate is None or gate["passes"] else gate["why"]


def _interval(difference: dict) -> str:
    low, high = difference["interval"]
    return f"{difference['value']:+.3f} ({low:+.3f} to {high:+.3f})"
