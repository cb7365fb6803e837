"""Settings of doors and locks: transport, cookies, passwords, limits of signing in, and what may not start at all."""

from datetime import timedelta

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

HTTPS_ONLY = env.bool("HTTPS_ONLY", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS_ONLY
# A browser takes cookies with this prefix from this very host alone, and only over TLS.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS_ONLY else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS_ONLY else "csrftoken"
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves
SESSION_COOKIE_AGE = 12 * 3600  # from signing in, however busy somebody is
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS, SECURE_REFERRER_POLICY = "DENY", "same-origin"

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # of accounts that have not signed in since Argon2 came
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "stations.doors.PasswordChanged"},  # no rule, but told of each change
]

# Who fails five times from one address waits; others of that address and that person elsewhere do not, until the
# address has failed too often as a whole. Counted in the database, so that it holds without Redis.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
FAILURES_OF_AN_ADDRESS = 50  # under whatever names, in the same minutes: more than an office has
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # nobody is kept out for ever by a program that goes on trying
AXES_CLIENT_IP_CALLABLE = "stations.client_address.counted_address"
AXES_HANDLER = "stations.doors.Doors"  # which also tells the audit log
AXES_LOCKOUT_TEMPLATE = "locked-out.html"
AXES_ENABLE_ADMIN = False  # ours is in stations/admin/people.py
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "password"]

# Staff give a code of their phone besides the password: on sites that others reach, unless that is switched off.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=HTTPS_ONLY)
OTP_TOTP_ISSUER = "Sntry"
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 1  # seconds; they double with each wrong code in a row

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # of the monitoring system; empty: superusers alone read /metrics

SHORTEST_KEY, LEAST_VARIED_KEY = 50, 5  # characters, and different ones: as Django's own check for deployment


def content_policy(tile_url: str) -> dict[str, list[str]]:
    """What pages may load and run: our own files, and pictures of a map that somebody has set."""
    tiles = [f"{tile_url.split('/')[0]}//{tile_url.split('/')[2]}"] if "//" in tile_url else []
    own = ("script-src", "style-src", "font-src", "connect-src", "manifest-src", "worker-src", "form-action")
    nothing = ("default-src", "frame-ancestors", "base-uri", "object-src")
    policy = {name: [SELF] for name in own} | {name: [NONE] for name in nothing}
    return policy | {"img-src": [SELF, "data:", *tiles], "report-uri": "/policy-reports/"}


def refuse_unsafe(debug: bool, secret_key: str, hosts: list[str], *, private_receivers: bool = False) -> None:
    """Start nothing with settings that no installation may have; `secret_key` is that of the environment, or empty."""
    if "*" in hosts:
        raise ImproperlyConfigured("ALLOWED_HOSTS holds *: name the hosts of this site.")
    if secret_key and (len(secret_key) < SHORTEST_KEY or len(set(secret_key)) < LEAST_VARIED_KEY):
        raise ImproperlyConfigured(f"SECRET_KEY is too weak: it needs {SHORTEST_KEY} random characters or more.")
    if HTTPS_ONLY and debug:
        raise ImproperlyConfigured("DEBUG is on together with HTTPS_ONLY: leave DEBUG out on a site that others reach.")
    if HTTPS_ONLY and not secret_key:
        raise ImproperlyConfigured("SECRET_KEY is missing: HTTPS_ONLY needs one, the same for all processes.")
    if HTTPS_ONLY and private_receivers:
        raise ImproperlyConfigured(
            "PRIVATE_RECEIVERS is on together with HTTPS_ONLY: partners' addresses could lead into your own network."
        )
