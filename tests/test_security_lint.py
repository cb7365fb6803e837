"""The rules about dangerous code hold, each finds what it is for, and no library is older than its last known hole."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from . import security_lint

ROOT = Path(__file__).resolve().parent.parent
# The oldest versions without a hole that matters here; see THREAT_MODEL.md about keeping them.
FLOORS = {
    "django": "5.2.19", "djangorestframework": "3.15.2", "channels": "4.0", "channels-redis": "4.2", "celery": "5.7.0",
    "kombu": "5.7.0", "redis": "4.5.5", "joblib": "1.2.0", "urllib3": "2.6.3", "requests": "2.32.4", "pillow": "12.0",
    "cryptography": "46.0", "jinja2": "3.1.6", "certifi": "2024.7.4", "idna": "3.7", "h11": "0.16.0", "h2": "4.3.0",
    "httpx": "0.27", "anyio": "4.4", "sqlparse": "0.5.0", "uvicorn": "0.30", "websockets": "12.0", "pyarrow": "17.0",
    "numpy": "1.22", "scikit-learn": "1.5.0", "protobuf": "4.25.8", "werkzeug": "3.0.6", "django-otp": "1.7.5",
    "django-axes": "8.0", "django-csp": "4.0", "setuptools": "78.1.1", "pyjwt": "2.10.1", "google-auth": "2.0",
    "starlette": "0.49.1", "lxml": "6.0", "openpyxl": "3.1",
}  # fmt: skip
# Names that look like what we mean and are something else.
MISTAKEN = {"redbeat", "django-unfold-admin", "psycopg2-binary", "python-jwt", "valkey-lite", "otp", "pgserver"}
BAD = {
    "mark_safe": ("a.py", "x = mark_safe(name)"),
    "|safe": ("a.html", "<p>{{ name|safe }}</p>"),
    "csrf_exempt": ("a.py", "@csrf_exempt\ndef page(request): ..."),
    "AllowAny": ("a.py", "permission_classes = [AllowAny]"),
    "all fields": ("a.py", 'fields = "__all__"'),
    "raw SQL of the ORM": ("a.py", "Site.objects.raw(text)"),
    "filters made of a request": ("a.py", "Site.objects.filter(**request.GET)"),
    "unpickling": ("a.py", "pickle.loads(body)"),
    "a shell": ("a.py", "subprocess.run(name, shell=True)"),
    "markup from a script": ("a.js", "box.innerHTML = name;"),
    "code from text": ("a.js", "setTimeout('run()', 1)"),
    "code in a page": ("a.html", "<p onclick='run()'>"),
    "a script or style of others": ("a.html", '<script src="https://cdn.invalid/x.js"></script>'),
    "a key": ("a.md", "sntry_0123abcd_" + "A" * 43),
    "a task sent past the broker's guard": ("a.py", "tick.delay()"),
    "a rule switched off without the reason": ("a.py", "x = 1  # noqa: S608"),
}


def test_nothing_dangerous_stands_where_it_may_not():
    assert security_lint.findings() == []


@pytest.mark.parametrize("rule", [rule.name for rule in security_lint.RULES])
def test_each_rule_finds_what_it_is_for(rule):
    name, text = BAD[rule]
    assert [each for each in security_lint.found_in(name, text) if f": {rule}: " in each]


def test_a_call_without_a_timeout_is_found():
    assert security_lint.found_in("a.py", "httpx.get(url)\nurlopen(url)\nhttpx.Client(verify=x)")[2:]
    assert security_lint.found_in("a.py", "httpx.get(url, timeout=2)\nrequest.GET.get('x')\ncache.get('x')") == []


def locked() -> dict[str, str]:
    """Name -> version of requirements.txt."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    return {name.lower(): number for name, number in pinned}


def test_no_library_is_older_than_its_last_known_hole():
    pins = locked()
    old = {name: pins[name] for name, floor in FLOORS.items() if name in pins and Version(pins[name]) < Version(floor)}
    assert old == {}
    assert len(FLOORS.keys() & pins.keys()) > 20
    assert Version(version("django")) >= Version(FLOORS["django"])


def test_every_library_is_pinned_by_its_hash_and_none_is_taken_for_another():
    text = (ROOT / "requirements.txt").read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
    assert "://" not in text
    assert MISTAKEN.isdisjoint(locked())
