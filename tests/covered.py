"""Runs the tests under coverage, in parts, and holds them to its limits: `make coverage`, an hour on two cores.

Branches: 92 % of everything, and all of what decides who may do what, what it costs, what comes in and what goes out.
Besides, every template of ours is rendered and every address asked for. `python -m tests.covered --report` only counts,
also between two parts. `--on` goes on with one that was stopped, with names of test files: with those only. More tests
see more, so what holds early holds.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "coverage"
TOLD = FOLDER / "told.json"
LEAST_SHARE = 92.0
WHOLLY = (
    "stations/access.py", "stations/page_access.py", "sntry_site/api/access.py",  # permissions
    "pricing/engine.py", "pricing/engine_rows.py", "pricing/periods.py", "pricing/policy.py",  # pricing
    "sntry_site/api/telemetry.py",  # ingest
    "stations/consumers.py",
    "stations/outbox.py", "stations/models/outbox.py",
)  # fmt: skip
# Begun last and in this order, so that a first figure is there sooner.
SLOW = (
    "admin_pages", "causes", "forecast", "note_injection", "access_matrix", "_story", "world_check", "policy_lab",
    "properties", "faults", "order_machine", "api_fuzz", "world_truth", "embedded", "browser", "test_up",
)  # fmt: skip
AT_ONCE = 12  # files of one part
OVERRIDES = ("admin/", "unfold/")  # the theme's own templates, in place of which ours are found by name


def files() -> list[str]:
    """The test files, the slow ones last."""

    def slowness(name: str) -> int:
        return max((place for place, word in enumerate(SLOW, 1) if word in name), default=0)

    every = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("test_*.py"))
    return sorted(every, key=slowness)


def run(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode


def measure(goes_on: bool) -> None:
    """Run all tests, some files at a time, or those that are left of an earlier run; a failure does not stop it."""
    if not goes_on:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
    named = [name for name in sys.argv if name.endswith(".py") and name.startswith("tests/")]
    left = [name for name in named or files() if name not in told()]
    workers = os.environ.get("COVERAGE_WORKERS", "2")
    # Timeouts are longer, because every line is counted.
    options = ["-p", "tests.visited", "-p", "no:cacheprovider", "-q", "--reuse-db", "--timeout=1200"]
    options += ["-n", workers, "--dist=loadfile"] if workers != "1" else []
    for start in range(0, len(left), AT_ONCE):
        part = left[start : start + AT_ONCE]
        code = run("run", "-m", "pytest", *options, *part)
        TOLD.write_text(json.dumps(told() | dict.fromkeys(part, code), indent=1))


def told() -> dict[str, int]:
    """Test file -> how the part that it was in ended, of those that have run."""
    return json.loads(TOLD.read_text()) if TOLD.exists() else {}


def report() -> list[str]:
    """Count; what does not hold, in sentences."""
    run("combine", "--append", "--quiet")  # to what was counted before; it complains where nothing has come since
    run("json", "--quiet", "-o", str(FOLDER / "report.json"))
    counted = json.loads((FOLDER / "report.json").read_text())
    totals, every = counted["totals"], files()
    share, left = totals["percent_covered"], len(set(every) - set(told()))
    print(f"{share:.1f} % of {totals['num_statements']:,} lines and {totals['num_branches']:,} branches")
    print(f"{len(every) - left} of {len(every)} test files have run")
    wrong = [] if share >= LEAST_SHARE else [f"{share:.1f} % is less than {LEAST_SHARE:.0f} %"]
    if failed := [name for name, code in told().items() if code]:
        wrong.append(f"a test failed among {', '.join(failed)}")
    for name in WHOLLY:
        found = counted["files"].get(name)
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
            route = prefix + str(one.pattern).removeprefix("^" if prefix else "")  # as Django joins them
            yield from [route] if isinstance(one, URLPattern) else routes(one.url_patterns, route)

    folder = ROOT / "templates"
    ours = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    missing = sorted(name for name in ours - rendered if not name.startswith(OVERRIDES))
    unasked = sorted(set(routes(get_resolver().url_patterns)) - asked)
    print(f"{len(ours) - len(missing)} of {len(ours)} templates rendered, {len(asked)} addresses asked for")
    return [f"template {name}: never rendered" for name in missing] + [f"{each}: never asked for" for each in unasked]


def main() -> None:
    if "--report" not in sys.argv:
        measure("--on" in sys.argv)
    wrong = report()
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
