"""Plants small mistakes in the surge engine, one at a time, and counts how many its tests notice: `make mutants`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "mutants"
LEAST_SHARE = 0.90
MUTMUT = "mutmut==3.8.1"  # run by uv in an environment of its own, because nothing else needs it
SETTINGS = """
[tool.mutmut]
source_paths = ["pricing/"]
only_mutate = ["pricing/engine.py"]
pytest_add_cli_args_test_selection = ["tests/test_pricing_engine.py"]
also_copy = ["pricing", "tests"]

[tool.pytest.ini_options]
addopts = []
"""  # with settings of pytest of its own, because those of the project start engines


def copy_pure_modules() -> None:
    """The engine, what it needs and its tests, apart from Django and the engines that other tests start."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for module in ("__init__", "engine", "engine_rows", "periods", "policy"):
        name = f"pricing/{module}.py"
        copy = FOLDER / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    (FOLDER / "tests").mkdir()
    (FOLDER / "tests" / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "test_pricing_engine.py", FOLDER / "tests")
    (FOLDER / "pyproject.toml").write_text(SETTINGS)


def mutmut(*arguments: str) -> None:
    uv = [str(Path(sys.executable).parent / "uv"), "tool", "run", f"--python={sys.executable}"]
    needed = ["--with=numpy", "--with=scipy", "--with=pytest", f"--from={MUTMUT}"]
    subprocess.run([*uv, *needed, "mutmut", *arguments], cwd=FOLDER, check=True)


def main() -> None:
    copy_pure_modules()
    mutmut("run")
    mutmut("export-cicd-stats")
    counted = json.loads((FOLDER / "mutants" / "mutmut-cicd-stats.json").read_text())
    share = 1 - counted["survived"] / counted["total"]
    print(f"{share:.1%} of {counted['total']} mistakes were noticed.")
    if share < LEAST_SHARE:
        sys.exit(f"At least {LEAST_SHARE:.0%} must be. `mutmut results` in {FOLDER} lists the others.")


if __name__ == "__main__":
    main()
