"""A backup holds one moment whole, and is put back whole or not at all."""

import json
import tarfile

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sntry_site import single_up
from sntry_site.backup import Archive, BadBackup, archive, making, restoring
from sntry_site.backup.postgres import Database
from stations.models import Operator

from . import fleet

SCRATCH = "test_sntry_restored"


@pytest.fixture
def filled(settings, tmp_path):
    """A site with a photo and a model's file."""
    settings.MEDIA_ROOT, settings.MODEL_DIR = tmp_path / "media", tmp_path / "models"
    for place in ("media/photos/1.jpg", "media/.half/2.jpg", "models/forecast-1.joblib", "models/x.partial"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(place.encode())
    return fleet.charger(fleet.site(Operator.objects.create(name="Zürich’s network"), 1))


@pytest.fixture
def empty_installation(settings, tmp_path, monkeypatch):
    """A database with nothing in it, and folders; commands of this process work on those once it is called."""
    name = f"{SCRATCH}_{connection.settings_dict['NAME']}"
    home = Database.of_settings()
    with home.connect(autocommit=True) as session:
        quoted = psycopg.sql.Identifier(name)
        session.execute(psycopg.sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(quoted))
        session.execute(psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(quoted))
        with monkeypatch.context() as patch:

            def move_there() -> Database:
                settings.MEDIA_ROOT, settings.MODEL_DIR = tmp_path / "new media", tmp_path / "new models"
                patch.setattr(restoring.Database, "of_settings", lambda: Database(name))
                patch.setattr(single_up, "owner", lambda: None)  # also where the demo of this clone runs meanwhile
                patch.setattr(restoring, "_run_command", lambda environment, name: None)  # once, by the proof below
                patch.setattr(restoring, "try_site", lambda environment: None)  # as that
                return Database(name)

            yield move_there
        session.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))


def changed(path, change) -> None:
    """The backup at `path` with its members passed through `change(name, bytes)`; None leaves one out."""
    with tarfile.open(path) as tar:
        kept = [(member, change(member.name, tar.extractfile(member).read())) for member in tar]
    with tarfile.open(path, "w") as tar:
        for member, data in kept:
            if data is not None:
                member.size = len(data)
                (path.parent / "piece").write_bytes(data)
                with (path.parent / "piece").open("rb") as file:
                    tar.addfile(member, file)


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_proved_and_put_back_with_all_that_was_there(filled, tmp_path, empty_installation):
    call_command("backup", tmp_path / "now.backup")
    archive = Archive(tmp_path / "now.backup")
    assert set(archive.manifest["files"]) == {"database.dump", "media/photos/1.jpg", "models/forecast-1.joblib"}
    assert archive.manifest["tables"]["stations_charger"] == 1
    assert (tmp_path / "now.backup").stat().st_mode & 0o077 == 0
    restored = empty_installation()
    call_command("restore", tmp_path / "now.backup")
    assert (tmp_path / "new media" / "photos" / "1.jpg").read_bytes() == b"media/photos/1.jpg"
    assert [path.name for path in (tmp_path / "new models").iterdir()] == ["forecast-1.joblib"]
    with restored.connect() as session:
        found = session.execute("SELECT external_id, name FROM stations_charger, stations_operator").fetchone()
    assert found == (filled.external_id, "Zürich’s network")

    with pytest.raises(CommandError, match=r"is not empty .* give --replace"):
        call_command("restore", tmp_path / "now.backup")
    with restored.connect(autocommit=True) as session:
        session.execute("CREATE TABLE public.later (id int); DELETE FROM stations_charger")
        with pytest.raises(CommandError, match=r"1 connections to .* are open: stop web"):
            call_command("restore", tmp_path / "now.backup", replace=True)
    (tmp_path / "new media" / "later.jpg").touch()
    call_command("restore", tmp_path / "now.backup", replace=True)
    assert "later" not in restored.tables()
    assert restored.counts(["stations_charger"]) == {"stations_charger": 1}
    assert [path.name for path in (tmp_path / "new media").iterdir()] == ["photos"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_put_back_leaves_everything_as_it_was(filled, tmp_path, empty_installation, monkeypatch):
    whole = tmp_path / "whole.backup"
    making.make(whole)
    archive, restored = Archive(whole), empty_installation()
    with restored.connect(autocommit=True) as session:
        session.execute("CREATE TABLE public.mine (id int)")
    monkeypatch.setattr(restoring.Archive, "verify", lambda self: None)  # so that the damage is met on the way

    def broken(name, data):
        return data[:-400] + bytes(400) if name == "database.dump" else data

    changed(whole, broken)
    with pytest.raises(BadBackup, match=r"hash|not read|as it was"):
        restoring.restore(archive, replace=True, say=print)
    assert restored.tables() == ["mine"]


@pytest.mark.django_db(transaction=True)
def test_the_proof_starts_a_site_and_tells_a_lost_row(filled, tmp_path, capsys):
    call_command("backup", tmp_path)
    (made,) = tmp_path.glob("sntry-*.backup")
    call_command("backup", made, verify=True)
    told = capsys.readouterr().out
    assert "can be restored" in told
    assert "start " in told
    with Database.of_settings().connect() as session:
        left = session.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'sntry_proof%'").fetchone()
    assert left == (0,)

    def one_more(name, data):
        return data.replace(b'"stations_charger": 1', b'"stations_charger": 2') if name == "manifest.json" else data

    changed(made, one_more)
    with pytest.raises(CommandError, match="stations_charger has 1 rows, and had 2"):
        call_command("backup", made, verify=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file with the outside of a backup."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "dump").write_bytes(b"PGDMP" + bytes(3000))
    with tarfile.open(folder / "small.backup", "w") as tar:
        from sntry_site.backup.archive import Writing

        writing = Writing(tar)
        writing.add("database.dump", folder / "dump")
        names = ("made_at", "secret_key_mark")
        writing.finish(dict.fromkeys(names, "") | {"versions": {"sntry": "9"}, "tables": {}, "migrations": []})
    return (folder / "small.backup").read_bytes()


def flipped(data: bytes) -> bytes:
    return data.replace(b"PGDMP", b"PGDMQ")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: b"", "cannot be read as a backup"),
        (lambda data: data[:2000], "no manifest|cannot be read"),
        (lambda data: b"\x1f\x8b" + data, "cannot be read as a backup"),
        (flipped, "database.dump .* does not match its hash"),
        (lambda data: data.replace(b'"format": 1', b'"format": 7'), "has format 7"),
        (lambda data: data.replace(b'"tables"', b'"tabled"'), "incomplete"),
        (lambda data: data.replace(b"database.dump", b"../../../dump"), "cannot be read"),
    ],
)
def test_a_file_that_is_no_backup_is_refused_in_a_sentence(small, tmp_path, change, sentence):
    path = tmp_path / "bad.backup"
    path.write_bytes(change(small))
    with pytest.raises(BadBackup, match=sentence):
        Archive(path).verify()


@pytest.mark.parametrize("name", ["media/../x", "media/{}/x", "../x", "elsewhere/x"])
def test_a_file_that_would_be_written_elsewhere_is_refused_although_the_manifest_names_it(tmp_path, name):
    path, content = tmp_path / "bad.backup", tmp_path / "content"
    content.write_text("evil")
    with tarfile.open(path, "w") as tar:
        writing = archive.Writing(tar)
        for each in (archive.DUMP, name.format(tmp_path)):
            writing.add(each, content)
        writing.finish(dict.fromkeys(archive.NEEDED - {"format", "files"}))
    for work in (Archive(path).verify, lambda: Archive(path).extract("media", tmp_path / "home")):
        with pytest.raises(BadBackup, match="which its manifest does not name"):
            work()
    assert not (tmp_path / "x").exists()


def test_a_backup_of_newer_code_is_refused_by_name(small, tmp_path):
    path = tmp_path / "newer.backup"
    path.write_bytes(small)

    def newer(name, data):
        if name != "manifest.json":
            return data
        return json.dumps(json.loads(data) | {"migrations": [["stations", "9999_later"]]}).encode()

    changed(path, newer)
    with pytest.raises(CommandError, match=r"stations\.9999_later"):
        call_command("backup", path, verify=True)


def test_nothing_is_written_where_nothing_can_be(tmp_path):
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("backup", tmp_path / "away" / "a.backup")
    (tmp_path / "there").write_text("something")
    with pytest.raises(CommandError, match="exists: choose another name"):
        call_command("backup", tmp_path / "there")
    with pytest.raises(CommandError, match="There is no file"):
        call_command("backup", tmp_path / "none.backup", verify=True)
