"""System checks: what is set wrongly, by an id, with a hint. `up` and every other command run them first."""

import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.db import connections

from . import embedded
from .embedded.launcher import embedded_engines

OURS = "sntry"  # the tag of the checks that need no database
OLDEST_POSTGRES = 15
REDIS_SCHEMES = ("redis", "rediss", "unix")


@register(OURS)
def check_database_kind(app_configs, **_):
    """E001: everything is written for PostgreSQL."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        return []
    hint = "Set DATABASE_URL=postgres://<user>:<password>@<host>/<name>, or leave it out for the embedded PostgreSQL."
    return [Error("DATABASE_URL is not the address of a PostgreSQL.", hint=hint, id="sntry.E001")]


@register(OURS)
def check_redis_kind(app_configs, **_):
    """E002: broker, live push and cache speak Redis."""
    if urlsplit(settings.REDIS_URL).scheme in REDIS_SCHEMES:
        return []
    hint = "Set REDIS_URL=redis://host:6379, or leave it out for the embedded Valkey."
    return [Error("REDIS_URL is not the address of a Redis or Valkey.", hint=hint, id="sntry.E002")]


@register(OURS)
def check_embedded_programs(app_configs, **_):
    """E003: the wheels carry the engines for this platform."""
    problems = []
    for engine in embedded_engines():
        try:
            engine.program()
        except embedded.EnginesUnavailable as error:
            hint = f"Set {engine.variable} to a server of your own."
            problems.append(Error(str(error), hint=hint, id="sntry.E003"))
    return problems


@register(OURS)
def check_time_zone(app_configs, **_):
    """E004: the zone of imported times exists."""
    try:
        ZoneInfo(settings.DATA_TIME_ZONE)
    except (KeyError, ValueError, OSError):
        name = settings.DATA_TIME_ZONE
        hint = "Use a name like UTC, Europe/Dublin or America/Los_Angeles."
        return [Error(f"DATA_TIME_ZONE={name!r} is not a time zone.", hint=hint, id="sntry.E004")]
    return []


@register(OURS)
def check_retention(app_configs, **_):
    """E005: something is kept at all."""
    return [
        Error(f"{name} must be at least 1.", hint=f"Leave {name} out for its default.", id="sntry.E005")
        for name in ("RAW_DAYS", "EVENT_DAYS", "RESULT_DAYS")
        if getattr(settings, name) < 1
    ]


@register(OURS)
def check_tick_noise(app_configs, **_):
    """E006: the noise of the simulated network is one that exists."""
    if settings.TICK_NOISE in ("white", "smooth"):
        return []
    return [Error(f"TICK_NOISE={settings.TICK_NOISE!r} is unknown.", hint="Use white or smooth.", id="sntry.E006")]


@register(OURS)
def check_map_tiles(app_configs, **_):
    """E007, W001: a tile server's address has its three places, and its owners are named."""
    url = settings.MAP_TILE_URL
    if not url:
        return []
    problems = []
    if not url.startswith(("http://", "https://")) or not all(part in url for part in ("{z}", "{x}", "{y}")):
        hint = (
            "It looks like https://tiles.example.org/{z}/{x}/{y}.png; left out, the map that ships with Sntry is used."
        )
        problems.append(Error("MAP_TILE_URL is not the address of map tiles.", hint=hint, id="sntry.E007"))
    if not settings.MAP_TILE_ATTRIBUTION:
        hint = "Set MAP_TILE_ATTRIBUTION to the line that the tile server's terms ask for."
        problems.append(Warning("The map tiles have no attribution.", hint=hint, id="sntry.W001"))
    return problems


@register(OURS)
def check_outside_services(app_configs, **_):
    """E010, E011: the routing server's address is one, and the prices of tokens are two amounts."""
    problems = []
    if settings.OSRM_URL and urlsplit(settings.OSRM_URL).scheme not in ("http", "https"):
        hint = "It looks like http://osrm.example.org:5000; left out, routes are estimates."
        problems.append(Error("OSRM_URL is not the address of a routing server.", hint=hint, id="sntry.E010"))
    try:
        prices = [Decimal(price) for price in settings.GEMINI_PRICES]
        is_good = len(prices) in (0, 2) and all(price.is_finite() and price >= 0 for price in prices)
    except InvalidOperation:
        is_good = False
    if not is_good:
        hint = "It looks like 0.5,3: dollars per million tokens of questions, and of answers."
        problems.append(Error("GEMINI_PRICES are not two prices.", hint=hint, id="sntry.E011"))
    return problems


@register(OURS)
def check_debug(app_configs, **_):
    """W002: debug pages show settings and code to everyone who can reach the site."""
    local = {"localhost", "127.0.0.1", "[::1]"}
    if not settings.DEBUG or set(settings.ALLOWED_HOSTS) <= local:
        return []
    return [Warning("DEBUG is on for other hosts than this one.", hint="Leave DEBUG out.", id="sntry.W002")]


@register(OURS)
def check_private_files(app_configs, **_):
    """E008: the database's files and passwords are closed to other users."""
    var = Path(settings.VAR_DIR)
    if not var.exists() or not var.stat().st_mode & 0o077:
        return []
    return [Error("var/ can be entered by other users.", hint="Run `chmod 700 var`.", id="sntry.E008")]


@register(OURS, deploy=True)
def check_deployment(app_configs, **_):
    """W003 to W006: plain HTTP, embedded engines, the key of one clone and passwords alone are for one machine only."""
    problems = []
    if not settings.HTTPS_ONLY:
        hint = "Set HTTPS_ONLY=on, and BEHIND_PROXY=on if a proxy speaks TLS for Sntry."
        problems.append(Warning("Pages and cookies go over plain HTTP.", hint=hint, id="sntry.W003"))
    if embedded_engines():
        hint = "Set DATABASE_URL and REDIS_URL."
        problems.append(Warning("The embedded engines serve one machine only.", hint=hint, id="sntry.W004"))
    if not os.environ.get("SECRET_KEY"):
        hint = "Set SECRET_KEY to at least 50 random characters, the same for all processes."
        problems.append(Warning("SECRET_KEY is the one kept in var/ of this clone.", hint=hint, id="sntry.W005"))
    if not settings.STAFF_SECOND_FACTOR:
        hint = "Leave STAFF_SECOND_FACTOR out: with HTTPS_ONLY=on staff give a code of their phone."
        problems.append(Warning("A password alone lets staff in.", hint=hint, id="sntry.W006"))
    return problems


@register(Tags.database)
def check_database_version(app_configs, databases=None, **_):
    """E009: the database is new enough."""
    problems = []
    for alias in databases or []:
        found = connections[alias].pg_version // 10000
        if found < OLDEST_POSTGRES:
            hint = f"Use PostgreSQL {OLDEST_POSTGRES} or newer."
            problems.append(Error(f"The database is PostgreSQL {found}.", hint=hint, id="sntry.E009"))
    return problems
