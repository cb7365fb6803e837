"""What docs/deploy.md offers is what this code has: commands, queues, variables, units, and a compose file."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from sntry_site.celery import app
from sntry_site.programs import BOUNDED_WAITS, POOLED, programs

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = {path.name: path.read_text() for path in sorted((DEPLOY / "systemd").iterdir())}
OURS = {name: each for name, each in COMPOSE["services"].items() if name not in ("db", "redis")}
SAID = (ROOT / "docs" / "deploy.md").read_text()


def lines_of(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.+)$", UNITS[unit], re.MULTILINE)


def commands() -> dict[str, str]:
    """Where it stands -> each command line of ours."""
    containers = {f"compose {name}": " ".join(each.get("command", [])) for name, each in OURS.items()}
    built = re.search(r"CMD \[(.+?)\]", (DEPLOY / "Containerfile").read_text(), re.DOTALL)[1]
    containers["compose web"] = " ".join(re.findall(r'"([^"]+)"', built))
    return containers | {name: " ".join(lines_of(name, "ExecStart")) for name in UNITS if name.endswith(".service")}


def options(line: str) -> set[str]:
    """Options that decide how a process works, and not where."""
    where = ("--host", "--port", "--schedule", "--hostname", "--log-level", "--timeout-graceful")
    return {each for each in re.findall(r"--[a-z-]+(?:=\S*)?", line) if not each.startswith(where)}


def test_every_command_of_manage_that_is_named_exists():
    named = set(re.findall(r"manage\.py (\w+)", "\n".join([*commands().values(), SAID])))
    assert {"migrate", "sync_roles", "backup", "restore"} <= named
    assert named - set(get_commands()) - {"runserver"} == set()


@pytest.mark.parametrize("name", ["web", "tick", "jobs", "beat"])
def test_processes_run_as_the_demo_runs_them(name, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    (program,) = (each for each in programs("127.0.0.1", 8000) if each.name == name)
    wanted = options(" ".join(program.command)) - {"--pool=prefork"}
    unit = next(each for each in commands() if each.startswith(f"sntry-{name}") and each.endswith(".service"))
    assert wanted <= options(commands()[unit]), unit
    assert wanted <= options(commands()[f"compose {name}"])
    limits = OURS[name]["environment"].get("DATABASE_OPTIONS", "")
    assert limits == (BOUNDED_WAITS if name in ("web", "tick") else "")
    assert (BOUNDED_WAITS in UNITS[unit]) == (name in ("web", "tick"))
    pool = POOLED["DATABASE_POOL"] if name == "web" else None
    assert OURS[name]["environment"].get("DATABASE_POOL") == pool
    assert (f"Environment=DATABASE_POOL={pool}\n" in UNITS[unit]) == (name == "web")
    early = program.environment.get("PRELOADS")
    loaded = f"${{GEMINI_API_KEY:+{early}}}" if name == "jobs" else early
    assert OURS[name]["environment"].get("PRELOADS") == loaded
    assert re.findall(r"^Environment=PRELOADS=(.+)$", UNITS[unit], re.MULTILINE) == [early] * bool(early)


def test_without_a_key_nothing_is_loaded_for_notes(monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    (jobs,) = (each for each in programs("127.0.0.1", 8000) if each.name == "jobs")
    assert "PRELOADS" not in jobs.environment


def test_a_worker_hears_every_queue_to_which_something_is_sent():
    sent = {app.conf.task_default_queue, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
    for kind in ("compose ", "sntry-"):
        heard = {
            q for name, line in commands().items() if name.startswith(kind) for q in re.findall(r"--queues=(\w+)", line)
        }
        assert heard == sent


def test_containers_have_no_rights_and_no_secrets_of_their_own():
    for name, each in OURS.items():
        assert each["user"] == "10001:10001", name
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in each["security_opt"], name
    text = (DEPLOY / "compose.yaml").read_text()
    for secret in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert f"${{{secret}:?" in text
    images = [each["image"] for each in COMPOSE["services"].values()]
    assert all(re.fullmatch(r"[a-z]+:[\w${}:.-]+", image) for image in images), images  # no host of a registry
    for name, each in COMPOSE["services"].items():
        assert "healthcheck" in each or name == "migrate", name


def test_web_connects_as_a_role_that_cannot_change_the_audit_log_and_nobody_else_does():
    addresses = {name: each["environment"].get("DATABASE_URL", "") for name, each in OURS.items()}
    users = {name: address.removeprefix("postgres://").partition(":")[0] for name, address in addresses.items()}
    assert users == dict.fromkeys(OURS, "sntry") | {"web": "sntry_web", "role": ""}
    assert "migrate --noinput && python manage.py audit_grants sntry_web --apply &&" in OURS["migrate"]["command"][-1]
    assert OURS["migrate"]["depends_on"]["role"] == {"condition": "service_completed_successfully"}
    for name, text in UNITS.items():
        files = re.findall(r"^EnvironmentFile=(.+)$", text, re.MULTILINE)
        own = ["-/etc/sntry/web.env"] if name.startswith("sntry-web") else []
        assert files == (["/etc/sntry/sntry.env", *own] if name.endswith(".service") else []), name


def test_every_variable_is_known_to_the_settings_and_told_in_the_text():
    source = "\n".join(path.read_text() for path in (ROOT / "sntry_site").glob("*.py"))
    given = set(OURS["web"]["environment"]) | set(OURS["tick"]["environment"])
    unknown = {name for name in given if f'"{name}"' not in source}
    assert unknown == set()
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert {name for name in asked if name not in SAID} == set()


def test_files_that_the_text_names_are_there():
    for path in re.findall(r"`((?:deploy|docs)/[\w./@-]+)`", SAID):
        assert (ROOT / path).exists(), path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_units_are_what_systemd_understands(tmp_path):
    for name, text in UNITS.items():
        here = text.replace("/opt/sntry/current/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / name).write_text(here)
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "sntry" in line]
    assert ours == []
    for name in UNITS:
        if name.endswith(".service"):
            for limit in ("NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryMax=", "CapabilityBoundingSet="):
                assert limit in UNITS[name], name
            assert "Restart=always" in UNITS[name] or "Type=oneshot" in UNITS[name]
