"""No template lies about unused, and every one compiles; which are rendered is counted by `make coverage`."""

import re
from pathlib import Path

from django.conf import settings
from django.template import engines

ROOT = Path(__file__).resolve().parent.parent
APPS = ("sntry_site", "stations", "telemetry", "maintenance", "pricing")
CONVENTIONS = {"403.html", "404.html", "500.html"}  # Django looks for these by itself
OVERRIDES = ("admin/", "unfold/")  # in place of the theme's own templates of the same name


def own_templates() -> set[str]:
    folder = Path(settings.TEMPLATES[0]["DIRS"][0])
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def sources() -> str:
    python = [path.read_text() for app in APPS for path in (ROOT / app).rglob("*.py")]
    templates = [path.read_text() for path in (ROOT / "templates").rglob("*") if path.is_file()]
    return "\n".join(python + templates)


def test_every_template_compiles_and_is_named_somewhere():
    text, engine = sources(), engines["django"]
    unused = []
    for name in sorted(own_templates()):
        if not name.endswith((".html", ".txt")):
            continue
        engine.get_template(name)
        stem, folder = name.rpartition("/")[2], name.rpartition("/")[0]
        made = rf"{re.escape(folder)}/{{[^}}]+}}" if folder else r"(?!)"  # f"reliability/{slug}.html"
        is_found = name in text or f'"{stem}"' in text or re.search(made, text)
        if not is_found and not name.startswith(OVERRIDES) and name not in CONVENTIONS:
            unused.append(name)
    assert unused == []
