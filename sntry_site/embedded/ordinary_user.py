"""PostgreSQL refuses to run as root; these are the ways in which root starts it all the same."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .failures import EnginesUnavailable

NOBODY = 65534


@dataclass(frozen=True)
class Way:
    """A command put before PostgreSQL's, and the user who must own the data then."""

    prefix: tuple[str, ...]
    owner: int


AS_WE_ARE = Way((), os.getuid())
# Inside the namespace root counts as user 1000; outside every file stays root's own.
IN_NAMESPACE = Way(("unshare", "--user", "--map-user=1000", "--map-group=1000"), 0)
# Reads and writes a clone that only root may enter, but is not uid 0.
AS_NOBODY = Way(
    (
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",  # because access(2), with which PostgreSQL looks, forgets capabilities else
    ),
    NOBODY,
)
WAYS_OF_ROOT = (IN_NAMESPACE, AS_NOBODY)


def find_way(program: Path, directory: Path) -> Way:
    """The first way in which `program` runs here and can write `directory`."""
    if os.getuid() != 0:
        return AS_WE_ARE
    for way in WAYS_OF_ROOT:
        if _works(way, program, directory):
            return way
    raise EnginesUnavailable(
        "PostgreSQL does not run as root, and this system allows neither user namespaces nor a change of user: "
        "run Sntry as an ordinary user, or set DATABASE_URL."
    )


def _works(way: Way, program: Path, directory: Path) -> bool:
    attempt = [
        *way.prefix,
        "sh",
        "-c",
        '"$1" --version && : > "$2"/.writable && rm "$2"/.writable',
        "sh",
        program,
        directory,
    ]
    try:
        return subprocess.run(attempt, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # unshare or setpriv is not installed
        return False


def give_to(owner: int, directory: Path) -> None:
    """Make `owner` the owner of everything below `directory`, if root and not so already."""
    if os.getuid() != 0 or directory.stat().st_uid == owner:
        return
    for folder, _, files in os.walk(directory, topdown=False):  # itself last, so that a half-done change is seen
        for name in files:
            os.chown(os.path.join(folder, name), owner, owner, follow_symlinks=False)
        os.chown(folder, owner, owner)
