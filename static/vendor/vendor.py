"""Fetch the third-party files of the pages from npm and write them here, with `vendor.lock.json` beside them.

    python static/vendor/vendor.py            fetch every package of PACKAGES, write its files and the lock
    python static/vendor/vendor.py --check    compare the files that are here with the lock; fetches nothing

Only this script needs npm; whoever runs Sntry does not, because the files are committed.
"""

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "vendor.lock.json"

# name on npm, version -> files wanted from the package; all go to <name>/<version>/<base name of the file>.
PACKAGES = {
    ("leaflet", "1.9.4"): [
        "LICENSE",
        "dist/leaflet.js",
        "dist/leaflet.css",
        "dist/images/layers.png",
        "dist/images/layers-2x.png",
        "dist/images/marker-icon.png",
    ],
    ("htmx.org", "4.0.1"): ["LICENSE", "dist/htmx.min.js", "dist/ext/hx-ws.min.js"],
    ("supercluster", "9.1.0"): ["LICENSE", "dist/supercluster.min.js"],
    ("topojson-client", "3.1.0"): ["LICENSE", "dist/topojson-client.min.js"],
    ("world-atlas", "2.0.2"): ["LICENSE", "countries-50m.json"],
    ("us-atlas", "3.0.1"): ["LICENSE", "states-10m.json"],
    ("inter-ui", "4.1.1"): ["LICENSE.txt", "variable/InterVariable.woff2"],
}


def sha512(data: bytes) -> str:
    """The hash in the spelling of npm and of a page's `integrity` attribute."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def place(name: str, version: str, file: str) -> Path:
    """Where a file of a package stands, relative to this folder; a style sheet finds its images/ beside it."""
    parts = Path(file).parts
    return Path(name, version, *(parts[-2:] if "images" in parts else parts[-1:]))


def fetch(name: str, version: str, files: list[str]) -> dict:
    """Download one package, write the wanted files and return its entry of the lock."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{name}@{version}"]
        archive = Path(folder, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
        package_hash = sha512(archive.read_bytes())
        hashes = {}
        with tarfile.open(archive) as tar:
            licence = json.load(tar.extractfile("package/package.json"))["license"]
            for file in files:
                data = without_source_map(file, tar.extractfile(f"package/{file}").read())
                target = HERE / place(name, version, file)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                hashes[place(name, version, file).as_posix()] = sha512(data)
                if file.endswith(".json"):
                    packed = target.with_name(target.name + ".gz")
                    packed.write_bytes(gzip.compress(data, 9, mtime=0))  # whitenoise sends it to whoever accepts gzip
                    hashes[packed.relative_to(HERE).as_posix()] = sha512(packed.read_bytes())
    return {"name": name, "version": version, "licence": licence, "package_sha512": package_hash, "files": hashes}


def without_source_map(file: str, data: bytes) -> bytes:
    """Drop the pointer to a source map, because the maps are not shipped and the static file storage looks for them."""
    if not file.endswith(".js"):
        return data
    return b"\n".join(line for line in data.split(b"\n") if not line.startswith(b"//# sourceMappingURL="))


def problems() -> list[str]:
    """What differs between the lock and the files that are here; empty when all is well."""
    found = []
    expected = {"vendor.py", "vendor.lock.json"}
    for package in json.loads(LOCK.read_text())["packages"]:
        for file, digest in package["files"].items():
            expected.add(file)
            path = HERE / file
            if not path.exists():
                found.append(f"{file} is missing; run python static/vendor/vendor.py")
            elif sha512(path.read_bytes()) != digest:
                found.append(f"{file} is not the file that vendor.lock.json names; run python static/vendor/vendor.py")
    here = {path.relative_to(HERE).as_posix() for path in HERE.rglob("*") if path.is_file()}
    found += [f"{file} is not in vendor.lock.json" for file in sorted(here - expected) if "__pycache__" not in file]
    return found


def main() -> None:
    if "--check" in sys.argv:
        sys.exit("\n".join(problems()) or None)
    packages = [fetch(name, version, files) for (name, version), files in PACKAGES.items()]
    LOCK.write_text(json.dumps({"packages": packages}, indent=2) + "\n")
    print(f"{sum(len(package['files']) for package in packages)} files of {len(packages)} packages")


if __name__ == "__main__":
    main()
