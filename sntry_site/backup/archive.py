"""The file of a backup: a tar of the database's dump, of files, and last of a manifest that says what must be in it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

FORMAT = 1
DUMP, MANIFEST = "database.dump", "manifest.json"
FOLDERS = ("media", "models")
CHUNK = 1024**2
NEEDED = {"format", "made_at", "migrations", "tables", "files", "secret_key_mark", "versions"}


class BadBackup(Exception):
    """The file is no backup that can be used; the message is a sentence that says why and what to do."""


class Hashed:
    """A file that is read once and hashed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self._hash, self.bytes = file, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self._hash.update(data)
        self.bytes += len(data)
        return data

    def seen(self) -> dict:
        """What the manifest says of a file: its length and its hash."""
        return {"bytes": self.bytes, "sha256": self._hash.hexdigest()}


class Writing:
    """A backup in the making."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar, self.files = tar, {}

    def add(self, name: str, path: Path) -> None:
        """Put the file at `path` in as `name`."""
        with path.open("rb") as file:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = path.stat().st_size, int(path.stat().st_mtime)
            hashed = Hashed(file)
            self.tar.addfile(info, hashed)
        self.files[name] = hashed.seen()

    def add_folder(self, name: str, folder: Path) -> None:
        """Put every file below `folder` in; links and what is being written (`.partial`, hidden) stay out."""
        for path in sorted(folder.rglob("*")) if folder.exists() else []:
            inside = path.relative_to(folder)
            is_hidden = any(part.startswith(".") for part in inside.parts) or path.suffix == ".partial"
            if path.is_file() and not path.is_symlink() and not is_hidden:
                self.add(f"{name}/{inside.as_posix()}", path)

    def finish(self, about: dict) -> None:
        """Write the manifest, without which no file is a backup."""
        text = json.dumps({"format": FORMAT, **about, "files": self.files}, indent=1, sort_keys=True).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        self.tar.addfile(info, io.BytesIO(text))


class Archive:
    """A finished backup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = self._read_manifest()

    def _read_manifest(self) -> dict:
        try:
            with tarfile.open(self.path, "r:") as tar:
                manifest = json.load(tar.extractfile(MANIFEST))
        except FileNotFoundError:
            raise BadBackup(f"There is no file {self.path}.") from None
        except KeyError:
            raise BadBackup(f"{self.path} has no manifest: it is not a backup of Sntry, or it is cut off.") from None
        except (OSError, tarfile.TarError, ValueError) as error:
            raise BadBackup(f"{self.path} cannot be read as a backup: {error}.") from None
        if not isinstance(manifest, dict) or not set(manifest) >= NEEDED or DUMP not in manifest["files"]:
            raise BadBackup(f"The manifest of {self.path} is incomplete: use another backup.")
        if manifest["format"] != FORMAT:
            raise BadBackup(
                f"{self.path} has format {manifest['format']}, and this version of Sntry reads {FORMAT}: "
                "restore it with the version that made it."
            )
        return manifest

    def verify(self) -> None:
        """Read all of it and compare every file with its hash. Raises BadBackup."""
        missing = dict(self.manifest["files"])
        with tarfile.open(self.path, "r:") as tar:
            for member, file in self._members(tar):
                while file.read(CHUNK):
                    pass
                self._compare(member.name, file)
                del missing[member.name]
        if missing:
            raise BadBackup(f"{self.path} lacks {', '.join(sorted(missing)[:5])}: use another backup.")

    def _members(self, tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, Hashed]]:
        """The files of the backup but its manifest; anything that the manifest does not name is refused."""
        try:
            for member in tar:
                if member.name == MANIFEST:
                    continue
                if not member.isfile() or member.name not in self.manifest["files"] or not _is_inside(member.name):
                    raise BadBackup(f"{self.path} holds {member.name!r}, which its manifest does not name.")
                yield member, Hashed(tar.extractfile(member))
        except tarfile.TarError as error:
            raise BadBackup(f"{self.path} is damaged: {error}. Use another backup.") from None

    def _compare(self, name: str, file: Hashed) -> None:
        if file.seen() != self.manifest["files"][name]:
            raise BadBackup(f"{name} in {self.path} does not match its hash: the file is damaged, use another backup.")

    @contextmanager
    def opened(self, name: str) -> Iterator[Hashed]:
        """One file of it, to be read to its end; raises BadBackup there if it is not what was hashed."""
        with tarfile.open(self.path, "r:") as tar:
            file = Hashed(tar.extractfile(name))
            yield file
            self._compare(name, file)

    def extract(self, name: str, folder: Path) -> int:
        """Write the files of the folder `name` (media or models) below `folder`; says how many."""
        count = 0
        with tarfile.open(self.path, "r:") as tar:
            for member, file in self._members(tar):
                if member.name.startswith(f"{name}/"):
                    target = folder / member.name.removeprefix(f"{name}/")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as written:
                        while data := file.read(CHUNK):
                            written.write(data)
                    self._compare(member.name, file)
                    count += 1
        return count


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    if path.as_posix() != name or ".." in path.parts:  # in `media//etc/x` what follows the folder would be absolute
        return False
    return name == DUMP or (len(path.parts) > 1 and path.parts[0] in FOLDERS)
