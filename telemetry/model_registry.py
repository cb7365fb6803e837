"""Storing and loading trained models: a file is unpickled only if it is, byte for byte, what this installation wrote.

joblib and scikit-learn are imported where they are used, because every command and the web process import this module,
and those take longer than everything else together.
"""

import hashlib
import io
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from django.conf import settings

from .models import ModelVersion

State = ModelVersion.State
SPARES_LOOKED_AT = 5  # versions tried in place of one that is refused
_loaded: dict[str, object] = {}  # by hash: what is in use, and no other
_last_good: dict[tuple[str, str, int], int] = {}  # what was in use last of each kind, level and horizon


class Refused(Exception):
    """A file is not loaded; the message says why, as the second half of a sentence."""


@dataclass(frozen=True)
class InUse:
    """The version that scores, what was loaded from its file, and what is wrong with the one that should."""

    version: ModelVersion
    artefact: object
    warning: str = ""


def store(artefact, *, kind: str, features: Sequence[str], at: datetime, **about) -> ModelVersion:
    """Keep `artefact` in a file of its own and, with its hash, as a candidate in the registry.

    `about` are further fields of ModelVersion: level, horizon_hours, rows, metrics, ranges, data_hash, thresholds.
    """
    import joblib

    directory = Path(settings.MODEL_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(suffix=".partial", dir=directory)
    with os.fdopen(handle, "wb") as file:
        joblib.dump(artefact, file, compress=1)
    digest = hashlib.sha256(Path(partial).read_bytes()).hexdigest()
    name = f"{kind}-{digest[:16]}.joblib"
    Path(partial).replace(directory / name)
    return ModelVersion.objects.create(
        kind=kind,
        file_name=name,
        sha256=digest,
        scikit_learn=version("scikit-learn"),
        code_version=code_version(),
        features=list(features),
        schema_hash=schema_hash(features, about.get("feature_types", ())),
        trained_at=at,
        **about,
    )


def load(model: ModelVersion, features: Sequence[str] | None = None):
    """What the file of `model` holds; raises Refused instead of loading what may be anything else.

    This is the only place that unpickles. The bytes that were hashed are the bytes that are loaded, and the file must
    lie in MODEL_DIR itself; `features` are those that the code makes now.
    """
    path = _file_of(model)
    if model.scikit_learn != version("scikit-learn"):
        raise Refused(f"was trained with scikit-learn {model.scikit_learn}, and {version('scikit-learn')} is installed")
    if features is not None and list(model.features) != list(features):
        raise Refused("was trained on other features than this version of Sntry makes")
    if model.sha256 in _loaded:
        return _loaded[model.sha256]
    try:
        data = path.read_bytes()
    except OSError:
        raise Refused("has lost its file") from None
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise Refused("has a file that does not match its hash")
    import joblib

    _loaded[model.sha256] = joblib.load(io.BytesIO(data))
    return _loaded[model.sha256]


def in_use(
    kind: str, level: str = "site", horizon_hours: int = 0, features: Sequence[str] | None = None
) -> InUse | None:
    """The active version, or the last good one with a warning when its file is refused; None without any."""
    versions = ModelVersion.objects.of(kind, level, horizon_hours).defer("metrics")
    active = versions.filter(state=State.ACTIVE).first()
    if active is None:
        return None
    key = (kind, level, horizon_hours)
    try:
        found = InUse(active, load(active, features))
    except Refused as refused:
        found = _spare(versions, key, features, f"model {active.pk} {refused}")
    if found and _last_good.get(key) != found.version.pk:
        _last_good[key] = found.version.pk
        _forget_others()
    return found


def forget() -> None:
    """Forget what is loaded, as a new process would."""
    _loaded.clear()
    _last_good.clear()


def trouble() -> str:
    """What is wrong with the files of the active versions, in a sentence for people; empty when nothing is.

    It reads and hashes the files; nothing is loaded.
    """
    wrong = []
    for model in ModelVersion.objects.filter(state=State.ACTIVE).defer("metrics"):
        try:
            data = _file_of(model).read_bytes()
        except (OSError, Refused):
            wrong.append(f"model {model.pk} has lost its file")
            continue
        if hashlib.sha256(data).hexdigest() != model.sha256:
            wrong.append(f"model {model.pk} has a file that does not match its hash")
        elif model.scikit_learn != version("scikit-learn"):
            wrong.append(f"model {model.pk} was trained with scikit-learn {model.scikit_learn}")
    return "; ".join(wrong)


def schema_hash(features: Sequence[str], types: Sequence[str] = ()) -> str:
    """Hash of the names, types and order of features."""
    columns = [*features, "|", *(types or ["float32"] * len(features))]
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()


@lru_cache
def code_version() -> str:
    """The newest heading of the change log, and a hash of the code that makes features and models."""
    heading = re.search(r"^## (.+)$", (settings.BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    code = hashlib.sha256()
    for path in sorted((settings.BASE_DIR / "telemetry" / "risk").glob("*.py")):
        code.update(path.read_bytes())
    return f"{heading[1].strip() if heading else 'unknown'} {code.hexdigest()[:12]}"[:60]


def _file_of(model: ModelVersion) -> Path:
    directory = Path(settings.MODEL_DIR).resolve()
    path = (directory / model.file_name).resolve()
    if path.parent != directory:
        raise Refused("names a file outside the directory of models")
    return path


def _spare(versions, key, features: Sequence[str] | None, why: str) -> InUse | None:
    """Another version in place of the active one: what was in use last, else the newest that stands by or did score."""
    spares = list(versions.filter(state__in=[State.SHADOW, State.RETIRED]).order_by("-pk")[:SPARES_LOOKED_AT])
    for spare in sorted(spares, key=lambda model: (model.pk == _last_good.get(key), model.pk), reverse=True):
        try:
            return InUse(spare, load(spare, features), f"scored by model {spare.pk} because {why}")
        except Refused:
            continue
    return None


def _forget_others() -> None:
    kept = set(ModelVersion.objects.filter(pk__in=_last_good.values()).values_list("sha256", flat=True))
    for digest in set(_loaded) - kept:
        del _loaded[digest]
