"""Runs the tests under coverage, in two parts, and holds them to its limits: `make coverage`, an hour on two cores.

Branches: 92 % of everything, and all of what decides who may do what, what it costs, what comes in and what goes out.
Besides, every template of ours is rendered and every address asked for. `python -m tests.covered --report` only counts.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "coverage"
LEAST_SHARE = 92.0
WHOLLY = (
    "stations/access.py", "stations/page_access.py", "sntry_site/api/access.py",  # permissions
    "pricing/engine.py", "pricing/engine_rows.py", "pricing/periods.py", "pricing/policy.py",  # pricing
    "sntry_site/api/telemetry.py",  # ingest
    "stations/consumers.py",
    "stations/outbox.py", "stations/models/outbox.py",
)  # fmt: skip
SLOW = ("browser", "up", "embedded", "world_truth", "order_machine", "api_fuzz", "properties", "policy_lab", "faults")
OVERRIDES = ("admin/", "unfold/")  # the theme's own templates, in place of which ours are found by name


def files(slow: bool) -> list[str]:
    """The test files of one part; the slow ones last, so that a first figure is there sooner."""
    every = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("test_*.py"))
    return [name for name in every if any(word in name for word in SLOW) == slow]


def run(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode


def measure() -> None:
    """Run all tests; one that fails does not stop the counting, and is told in the end."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    workers = os.environ.get("COVERAGE_WORKERS", "2")
    for slow in (False, True):
        options = ["-p", "tests.visited", "-p", "no:cacheprovider", "-q", "-n", workers, "--dist=loadfile"]
        # Timeouts are longer, because every line is counted.
        run("run", "-m", "pytest", *options, "--reuse-db", "--timeout=1200", *files(slow))


def report() -> list[str]:
    """Count; what does not hold, in sentences."""
    run("combine", "--keep", "--quiet")
    run("json", "--quiet", "-o", str(FOLDER / "report.json"))
    told = json.loads((FOLDER / "report.json").read_text())
    share = told["totals"]["percent_covered"]
    print(
        f"{share:.1f} % of {told['totals']['num_statements']:,} lines and {told['totals']['num_branches']:,} branches"
    )
    wrong = [] if share >= LEAST_SHARE else [f"{share:.1f} % is less than {LEAST_SHARE:.0f} %"]
    for name in WHOLLY:
        found = told["files"].get(name)
        lines = found and [*found["missing_lines"], *(f"{a} to {b}" for a, b in found["missing_branches"])]
        if found is None or lines:
            wrong.append(f"{name}: not all of it ({', '.join(map(str, lines)) if lines else 'nothing'})")
    return wrong + unvisited()


def unvisited() -> list[str]:
    """Templates that were not rendered and addresses that were not asked for."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
    import django

    django.setup()
    from django.urls import URLPattern, get_resolver

    seen = [json.loads(path.read_text()) for path in (FOLDER / "visited").glob("*.json")]
    rendered = {name for each in seen for name in each["templates"]}
    asked = {route for each in seen for route in each["routes"]}

    def routes(patterns, prefix=""):
        for one in patterns:
            route = prefix + str(one.pattern)
            yield from [route] if isinstance(one, URLPattern) else routes(one.url_patterns, route)

    folder = ROOT / "templates"
    ours = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    missing = sorted(name for name in ours - rendered if not name.startswith(OVERRIDES))
    unasked = sorted(set(routes(get_resolver().url_patterns)) - asked)
    print(f"{len(ours) - len(missing)} of {len(ours)} templates rendered, {len(asked)} addresses asked for")
    return [f"template {name}: never rendered" for name in missing] + [f"{each}: never asked for" for each in unasked]


def main() -> None:
    if "--report" not in sys.argv:
        measure()
    wrong = report()
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
