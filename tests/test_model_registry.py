"""The registry of models: what is stored scores as before, and nothing else is ever loaded."""

import os
import pickle
from datetime import UTC, datetime

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User

from telemetry import model_registry
from telemetry.models import ModelVersion

NOW = datetime(2026, 7, 1, tzinfo=UTC)
FEATURES = ("heat", "load")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "models"
    model_registry.forget()
    yield settings.MODEL_DIR
    model_registry.forget()


class Bomb:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark) -> None:
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def stored(value: float = 1.0, **about) -> ModelVersion:
    about = {"kind": "forecast", "level": "charger", "horizon_hours": 24, **about}
    return model_registry.store({"weights": np.array([value])}, features=FEATURES, at=NOW, **about)


def scoring_now():
    return model_registry.in_use("forecast", "charger", 24, FEATURES)


def flip_a_byte(model: ModelVersion, model_dir) -> None:
    path = model_dir / model.file_name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_was_stored_is_what_is_loaded():
    model = stored(7.0)
    assert model_registry.load(model)["weights"] == [7.0]
    assert (model.state, model.features, len(model.schema_hash)) == ("candidate", ["heat", "load"], 64)
    assert model.code_version.startswith("Unreleased")


def test_only_one_version_of_a_kind_level_and_horizon_is_active_and_it_knows_who_promoted_it_and_why():
    somebody = User.objects.create(username="somebody")
    first, other, second = stored(1), stored(2, horizon_hours=4), stored(3)
    first.activate(NOW)
    other.activate(NOW)
    second.activate(NOW, somebody, "ranks better")
    first.refresh_from_db()
    assert (first.state, other.state, second.state) == ("retired", "active", "active")
    assert (second.promoted_by, second.reason, second.promoted_at) == (somebody, "ranks better", NOW)


def test_rollback_is_a_change_of_state():
    first, second = stored(1), stored(2)
    first.activate(NOW)
    second.activate(NOW)
    assert scoring_now().artefact["weights"] == [2.0]
    first.activate(NOW, reason="back to what was good")
    assert scoring_now().artefact["weights"] == [1.0]
    assert ModelVersion.objects.get(pk=second.pk).state == "retired"


DAMAGES = {
    "a flipped byte": ("has a file that does not match its hash", lambda m, d, t: flip_a_byte(m, d)),
    "a lost file": ("lost its file", lambda m, d, t: (d / m.file_name).unlink()),
    "a foreign pickle": ("does not match its hash", lambda m, d, t: joblib.dump(Bomb(t / "mark"), d / m.file_name)),
    "another scikit-learn": (
        "trained with scikit-learn 0.1",
        lambda m, d, t: ModelVersion.objects.filter(pk=m.pk).update(scikit_learn="0.1"),
    ),
    "other features": (
        "other features",
        lambda m, d, t: ModelVersion.objects.filter(pk=m.pk).update(features=["heat"]),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("fresh_process", [True, False])
def test_a_damaged_model_is_never_loaded_and_the_last_good_one_goes_on(damage, fresh_process, model_dir, tmp_path):
    why, hurt = DAMAGES[damage]
    good = stored(1)
    good.activate(NOW)
    assert scoring_now().warning == ""
    bad = stored(2)
    hurt(bad, model_dir, tmp_path)
    bad.refresh_from_db()
    bad.activate(NOW)
    if fresh_process:
        model_registry.forget()
    found = scoring_now()
    assert (found.version, found.artefact["weights"].tolist()) == (good, [1.0])
    assert found.warning.startswith(f"scored by model {good.pk} because model {bad.pk} ")
    assert why in found.warning
    assert not (tmp_path / "mark").exists()


def test_without_any_good_version_there_is_none(model_dir):
    only = stored(1)
    only.activate(NOW)
    flip_a_byte(only, model_dir)
    candidate = stored(2)
    assert scoring_now() is None
    assert candidate.state == "candidate"  # what the gate has not let through does not score instead


def test_a_foreign_pickle_in_the_directory_is_nobodys_model(model_dir, tmp_path):
    stored(1).activate(NOW)
    (model_dir / "forecast-0000000000000000.joblib").write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    assert scoring_now().artefact["weights"] == [1.0]
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["../outside.joblib", "/etc/hostname", "link.joblib", "."])
def test_a_name_outside_the_directory_of_models_is_refused(name, model_dir, tmp_path):
    model = stored(1)
    outside = tmp_path / "outside.joblib"
    outside.write_bytes((model_dir / model.file_name).read_bytes())  # the very bytes, so that only the place is wrong
    (model_dir / "link.joblib").symlink_to(outside)
    ModelVersion.objects.filter(pk=model.pk).update(file_name=name)
    model.refresh_from_db()
    with pytest.raises(model_registry.Refused, match=r"outside the directory|lost its file"):
        model_registry.load(model)


def test_what_is_wrong_with_active_files_is_told_without_loading_them(model_dir):
    model = stored(1)
    model.activate(NOW)
    assert model_registry.trouble() == ""
    flip_a_byte(model, model_dir)
    assert model_registry.trouble() == f"model {model.pk} has a file that does not match its hash"


def test_the_schema_hash_tells_order_and_types_apart():
    hashes = {
        model_registry.schema_hash(*columns)
        for columns in ((("a", "b"),), (("b", "a"),), (("a", "b"), ("int8", "float32")))
    }
    assert len(hashes) == 3
    assert model_registry.schema_hash(("a",)) == model_registry.schema_hash(("a",), ("float32",))
