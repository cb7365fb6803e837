"""Plants small mistakes in core modules, one at a time, and counts how many the tests notice: `make mutation`.

`make mutation MODULES="pricing/engine.py"` looks at some of them. Each is looked at in a copy of the source.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "mutants"
MUTMUT = "mutmut==3.8.1"  # run by uv in an environment of its own, because nothing else needs it
APPS = ("sntry_site", "stations", "telemetry", "maintenance", "pricing")
# Module -> the tests that are to notice, and the least share of mistakes that they must.
MODULES = {
    "pricing/engine.py": (["tests/test_pricing_engine.py"], 0.90),
    "pricing/periods.py": (["tests/test_pricing_periods.py"], 0.85),
    "stations/access.py": (["tests/test_roles.py", "tests/test_admin_scope.py"], 0.85),
    "stations/outbox.py": (["tests/test_outbox_lanes.py", "tests/test_outbox.py"], 0.85),
    "stations/spreadsheets.py": (["tests/test_spreadsheets.py"], 0.85),
    "maintenance/transitions.py": (["tests/test_transitions.py"], 0.85),
    "sntry_site/api/telemetry.py": (["tests/test_telemetry_rows.py", "tests/test_api_writes.py"], 0.85),
}
SETTINGS = """
[tool.mutmut]
source_paths = ["{app}/"]
only_mutate = ["{module}"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-x", "--reuse-db", "-q"]
also_copy = ["tests", "templates", "static", "deploy", "docs", "manage.py", "README.md", "CHANGELOG.md", {others}]
debug = false

[tool.pytest.ini_options]
DJANGO_SETTINGS_MODULE = "sntry_site.settings"
asyncio_mode = "auto"
addopts = "--strict-markers --timeout=300 -p tests.own_redis -p no:schemathesis"
markers = ["browser: drives a real Chromium", "core: also runs on PostgreSQL 15 and Redis 7"]
"""


def copy_source(module: str) -> Path:
    """The source in a folder of its own, with settings that change this module only."""
    folder, (tests, _) = FOLDER / module.replace("/", "-").removesuffix(".py"), MODULES[module]
    shutil.rmtree(folder, ignore_errors=True)
    leave = shutil.ignore_patterns("var", ".venv", ".git", "__pycache__", ".*cache*", "benchmarks", "tour")
    shutil.copytree(ROOT, folder, ignore=leave)
    app = module.split("/")[0]
    others = ", ".join(json.dumps(each) for each in APPS if each != app)
    text = SETTINGS.format(app=app, module=module, tests=json.dumps(tests), others=others)
    (folder / "pyproject.toml").write_text(text)
    return folder


def environment() -> dict[str, str]:
    """The engines of this clone, which run already: a copy would start some of its own."""
    sys.path.insert(0, str(ROOT))
    from sntry_site import embedded

    embedded.ensure_running(hint=True)
    addresses = {"DATABASE_URL": embedded.database_url(), "REDIS_URL": embedded.redis_url()}
    return {**addresses, **os.environ, "SECRET_KEY": embedded.local_secret_key()}


def mutmut(folder: Path, *arguments: str) -> None:
    """Run mutmut, with everything that Sntry needs beside it."""
    uv = [str(Path(sys.executable).parent / "uv"), "tool", "run", f"--python={sys.executable}"]
    needed = [f"--with-requirements={ROOT / 'requirements.txt'}", f"--from={MUTMUT}"]
    # One at a time, because they share a database.
    subprocess.run([*uv, *needed, "mutmut", *arguments], cwd=folder, check=True, env=environment())


def share_of(module: str) -> float:
    """The share of the mistakes in `module` that its tests notice."""
    folder = copy_source(module)
    mutmut(folder, "run", "--max-children=1")
    mutmut(folder, "export-cicd-stats")
    counted = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text())
    # A mistake in what no test runs counts as one that nobody notices.
    share = (counted["killed"] + counted["timeout"]) / max(counted["total"] - counted["skipped"], 1)
    print(f"{module}: {share:.1%} of {counted['total']} mistakes were noticed ({counted}).", flush=True)
    return share


def main() -> None:
    chosen = sys.argv[1:] or list(MODULES)
    if unknown := set(chosen) - set(MODULES):
        sys.exit(f"There are no tests named for {', '.join(sorted(unknown))}; known are {', '.join(MODULES)}.")
    few = [module for module in chosen if share_of(module) < MODULES[module][1]]
    if few:
        sys.exit(f"Too few in {', '.join(few)}: `mutmut results` in its folder under {FOLDER} lists the others.")


if __name__ == "__main__":
    main()
