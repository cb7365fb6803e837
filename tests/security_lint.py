"""What may stand nowhere in the code, or only where it says why: `python -m tests.security_lint`, part of `make lint`.

Beside ruff's S rules and bandit: these know how this house does things.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CODE = ("stations/", "telemetry/", "maintenance/", "pricing/", "sntry_site/", "manage.py")


class Rule(NamedTuple):
    """A pattern, in which files it is looked for, and the files where it may stand, each with the reason."""

    name: str
    pattern: str
    suffixes: tuple[str, ...]
    allowed: dict[str, str] = {}


DRAWN = "SVG that telemetry.plots or our own code has drawn, which escapes"
RULES = [
    Rule("mark_safe", r"\bmark_safe\(|\bSafeString\(|\bSafeText\(", (".py",), {
        "telemetry/model_report.py": DRAWN, "pricing/lab/page.py": DRAWN, "sntry_site/pages/kpis.py": DRAWN,
        "sntry_site/pages/report.py": DRAWN, "sntry_site/pages/reliability.py": DRAWN,
        "sntry_site/pages/world_check.py": DRAWN,
    }),
    Rule("|safe", r"\|\s*safe(seq)?\b|autoescape\s+off|\|\s*escapejs", (".html", ".txt")),
    Rule("csrf_exempt", r"\bcsrf_exempt\b(?!\s*$)|@csrf_exempt", (".py",), {
        "sntry_site/ocpi/frame.py": "callers send a token, no cookie", "sntry_site/pages/drive.py": "changes nothing",
        "sntry_site/pages/policy_reports.py": "changes nothing, and browsers have no token to send",
    }),
    Rule("AllowAny", r"\bAllowAny\b", (".py",), {"sntry_site/api_settings.py": "the contract is public"}),
    Rule("all fields", r"""["']__all__["']""", (".py",), {
        "stations/row_import.py": "Django's name for a row's errors",
    }),
    Rule("raw SQL of the ORM", r"\.extra\(|objects\.raw\(|\bRawSQL\(", (".py",)),
    Rule("filters made of a request",
         r"(filter|exclude|get|create|update|annotate)\(\*\*\s*(self\.)?request\.", (".py",)),
    Rule("unpickling",
         r"pickle\.loads?\b|joblib\.load\b|read_pickle|yaml\.load\b|marshal\.loads?|allow_pickle=True|\bshelve\.",
         (".py",), {"telemetry/model_registry.py": "bytes whose hash is the registry's, from our own folder"}),
    Rule("a shell", r"shell\s*=\s*True|os\.system\(|os\.popen\(|subprocess\.getoutput", (".py",)),
    Rule("markup from a script",
         r"\.(inner|outer)HTML\s*\+?=|insertAdjacentHTML|document\.write|createContextualFragment",
         (".js",), {
             "static/js/assistant.js": "a part of a page that our server has rendered",
             "static/admin_pages/feed.js": "the same",
         }),
    Rule("code from text", r"\beval\(|new Function\b|set(Timeout|Interval)\(\s*[\"'`]", (".js",)),
    Rule("code in a page", r"<script(?![^>]*\b(src|type=\"application/json\")\b)[^>]*>|\son[a-z]+=[\"']|javascript:",
         (".html",)),
    Rule("a script or style of others", r"<(script|link|iframe|img)[^>]+(src|href)=[\"'](https?:)?//", (".html",)),
    Rule("a key", r"sntry_[0-9a-f]{8}_[A-Za-z0-9_-]{43}|BEGIN [A-Z ]*PRIVATE KEY|\bAIza[\w-]{35}|\bghp_\w{36}",
         (".py", ".md", ".html", ".js", ".json", ".toml", ".txt", ".yml", ".yaml")),
    Rule("a task sent past the broker's guard", r"\.delay\(|\.apply_async\(|\.send_task\(", (".py",), {
        "stations/broker.py": "the guard itself", "sntry_site/celery.py": "the application itself",
        "sntry_site/management/commands/up.py": "the first beat, nobody waits for it",
    }),
    Rule("a rule switched off without the reason", r"#\s*noqa: S\d+(?![\w, ]*\s+(\(|--))|#\s*nosec", (".py",)),
]  # fmt: skip
CALLS_OUT = {"urlopen", "get", "post", "put", "patch", "delete", "request", "stream", "Client", "AsyncClient"}


def tracked(root: Path = ROOT) -> list[str]:
    """Every file of the repository, without what is vendored, the tests, and what is no code of ours."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [name for name in listed if not name.startswith(("static/vendor/", "tests/", "docs/", "benchmarks/"))]


def found_in(name: str, text: str) -> list[str]:
    """What is wrong with one file, as `file:line: rule`."""
    wrong = []
    for rule in RULES:
        if name.endswith(rule.suffixes) and name not in rule.allowed:
            for match in re.finditer(rule.pattern, text, re.MULTILINE):
                wrong.append(
                    f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {rule.name}: {match[0].strip()[:60]}"
                )
    return wrong + (without_timeout(name, text) if name.endswith(".py") else [])


def without_timeout(name: str, text: str) -> list[str]:
    """Calls to other servers that may wait for ever."""
    return [
        f"{name}:{node.lineno}: a call without a timeout: {ast.unparse(node)[:60]}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and _calls_out(node.func)
        and not any(each.arg == "timeout" for each in node.keywords)
    ]


def _calls_out(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id == "urlopen"
    is_ours = isinstance(called, ast.Attribute) and called.attr in CALLS_OUT
    return (
        is_ours and isinstance(called.value, ast.Name) and called.value.id in ("httpx", "requests", "request", "urllib")
    )


def unused() -> list[str]:
    """Exceptions that nothing needs any more."""
    return [
        f"{name}: no {rule.name} there any more; take it off the list"
        for rule in RULES
        for name in rule.allowed
        if not (ROOT / name).exists() or not re.search(rule.pattern, (ROOT / name).read_text(), re.MULTILINE)
    ]


def findings() -> list[str]:
    """Everything that is wrong."""
    texts = {".py", ".html", ".js", ".md", ".json", ".toml", ".txt", ".yml", ".yaml"}
    names = [name for name in tracked() if Path(name).suffix in texts and (ROOT / name).is_file()]
    return [each for name in names for each in found_in(name, (ROOT / name).read_text())] + unused()


if __name__ == "__main__":
    wrong = findings()
    print("\n".join(wrong) or "Nothing that the rules of tests/security_lint.py forbid.")
    sys.exit(bool(wrong))
