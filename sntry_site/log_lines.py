"""Log lines: JSON for machines in production, readable in the demo, and in neither anything that opens a door."""

import json
import linecache
import logging
import re
import tokenize
import traceback
from datetime import UTC, datetime
from itertools import islice

from django.core.exceptions import ImproperlyConfigured

from .request_ids import known

HIDDEN = "[hidden]"
# What keys, passwords and cookies look like in lines that quote a header, an address or a form.
_NAMES = r"password|passwd|secret|token|api[_-]?key|sessionid|csrftoken|csrfmiddlewaretoken|authorization|cookie"
_KINDS = r"(?:Bearer|Token|Basic|Api-Key)"
CREDENTIALS = (
    (re.compile(rf"\b({_KINDS})(\s+|%20)[A-Za-z0-9._~+/=-]{{6,}}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{HIDDEN}@"),  # the password in the address of a server
    (re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*)([\"'])(?:(?!\2).)+", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(rf"((?:{_NAMES})\s*[=:]\s*)(?![\"']|{_KINDS} )[^\s\"'&;,]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(sntry_[0-9a-f]{8}|whsec)_[A-Za-z0-9_-]{6,}"), HIDDEN),  # a partner's key, the secret of a webhook
)
FORMS = {"plain": "sntry_site.log_lines.PlainLines", "json": "sntry_site.log_lines.JsonLines"}
SETTINGS = ("SECRET_KEY", "METRICS_TOKEN", "GEMINI_API_KEY")
SHORTEST = 8  # characters of a setting that is worth hiding; shorter ones would hide ordinary words
CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), 127, *range(128, 160), 0x2028, 0x2029) if number != 9}


def without_credentials(text: str) -> str:
    """`text` with everything that opens a door hidden: what looks like it, and the very values of our settings."""
    for value in _own_secrets():
        text = text.replace(value, HIDDEN)
    for pattern, replacement in CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text


def _own_secrets() -> list[str]:
    from django.conf import settings  # at the first line and not before the settings are read

    if not settings.configured:
        return []
    values = [getattr(settings, name, "") for name in SETTINGS]
    databases = getattr(settings, "DATABASES", {}).values()
    values += [*getattr(settings, "SECRET_KEY_FALLBACKS", []), *(str(each.get("PASSWORD", "")) for each in databases)]
    return [value for value in values if len(value) >= SHORTEST]


class PlainLines(logging.Formatter):
    """`INFO sntry_site.tasks: ...`, one line whatever is in the message, and tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage().translate(CONTROL)
        about = "".join(f" {name}={value}" for name, value in known().items() if name != "task")
        line = f"{record.levelname} {record.name}: {said}"
        if record.levelno >= logging.WARNING:
            line += about
        return without_credentials("\n".join([line, *_trace(record)]))


class JsonLines(logging.Formatter):
    """One JSON object per line: at, level, logger, message, what it is about, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_credentials(record.getMessage()),
            "process": record.process,
            **known(),
        }
        told |= {name: getattr(record, name) for name in ("milliseconds", "status") if hasattr(record, name)}
        if trace := _trace(record):
            told["traceback"] = without_credentials("\n".join(trace))
        return json.dumps(told, ensure_ascii=True, default=str)


def _trace(record: logging.LogRecord) -> list[str]:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return []
    return "".join(traceback.format_exception(error)).rstrip().splitlines()


def source_line(filename: str, number: int, module_globals: dict | None = None) -> str:
    """What `linecache.getline` returns: line `number` (from 1) of a file of Python, "" where there is none.

    For one line that reads the whole file, splits it and keeps it; the first traceback of a process then costs 2.4 MB
    for good, whoever makes it, Celery too.
    """
    try:
        with tokenize.open(filename) as file:
            line = next(islice(file, number - 1, None), "")
    except (OSError, SyntaxError, ValueError):
        return ""
    return line if not line or line.endswith("\n") else f"{line}\n"


def logging_settings(form: str) -> dict:
    """Django's LOGGING for `form`, plain or json. In the demo requests have no lines: its terminal shows the ticks.

    From then on all tracebacks of the process read their lines by `source_line`, not those of its log alone.
    """
    quiet = ("axes", "celery", "httpx", "google_genai")  # they have a line for each task and call
    if form not in FORMS:
        raise ImproperlyConfigured(f"LOG_FORMAT={form!r} is unknown: use plain or json.")
    linecache.getline = source_line
    requests = "INFO" if form == "json" else "WARNING"
    # Django's own line for each 404 quotes the address; ours has the route. Errors keep theirs, with the traceback.
    levels = dict.fromkeys(quiet, "WARNING") | {"sntry_site.request_ids": requests, "django.request": "ERROR"}
    through_ours = {name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.error")}
    silent = {"uvicorn.access": {"handlers": [], "propagate": False}}  # it quotes addresses, whatever uvicorn is told
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": FORMS[form]}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {name: {"level": level} for name, level in levels.items()} | through_ours | silent,
    }
