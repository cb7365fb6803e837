"""What Sntry is made of, as CycloneDX: every library that is installed here, and every script that browsers are sent.

make sbom        writes var/sbom.json
"""

import base64
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDORED = ROOT / "static" / "vendor" / "vendor.lock.json"


def main(place: Path) -> None:
    """Write the bill to `place`, checked against its schema."""
    bill = json.loads(ours("environment", "--pyproject=pyproject.toml", "--output-reproducible", sys.executable))
    bill["components"] += [component(each) for each in json.loads(VENDORED.read_text())["packages"]]
    check(bill)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(bill['components'])} components in {place.relative_to(ROOT) if place.is_relative_to(ROOT) else place}")


def ours(*arguments: str) -> str:
    """What cyclonedx-py prints."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


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


def check(bill: dict) -> None:
    """Raises ValueError where the bill is not what its schema says."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = SchemaVersion.from_version(bill["specVersion"])
    if error := JsonStrictValidator(version).validate_str(json.dumps(bill)):
        raise ValueError(f"the bill does not follow CycloneDX {bill['specVersion']}: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "var" / "sbom.json")
