"""Settings of the whole site; everything that differs between installations comes from the environment."""

from pathlib import Path

import environ

from . import embedded
from .admin_look import UNFOLD  # noqa: F401  (a setting)
from .api_settings import API_LIMITS, PRIVATE_RECEIVERS, REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401
from .log_lines import logging_settings
from .safety_settings import *  # noqa: F403  (cookies, transport, passwords, limits of signing in)
from .safety_settings import content_policy, refuse_unsafe

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
env = environ.Env()

# --- Safety: the rest of it is in safety_settings.py -----------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or embedded.local_secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # former keys, while what they signed still counts
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
refuse_unsafe(DEBUG, env.str("SECRET_KEY", default=""), ALLOWED_HOSTS, private_receivers=PRIVATE_RECEIVERS)

MAP_TILE_URL = env.str("MAP_TILE_URL", default="")  # empty: the base map that ships with Sntry
MAP_TILE_ATTRIBUTION = env.str("MAP_TILE_ATTRIBUTION", default="")
MAP_TILE_MAX_ZOOM = env.int("MAP_TILE_MAX_ZOOM", default=18)
CONTENT_SECURITY_POLICY = {"DIRECTIVES": content_policy(MAP_TILE_URL)}

# --- Applications ------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "stations",
    "telemetry",
    "maintenance",
    "pricing",
    "sntry_site",
]
MIDDLEWARE = [
    "sntry_site.request_ids.RequestId",
    "sntry_site.whence.Whence",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stations.second_factor.SecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sntry_site.content_policy.ContentSecurityPolicy",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "sntry_site.urls"
ASGI_APPLICATION = "sntry_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "login", "board", "login"

# --- PostgreSQL, Valkey or Redis ---------------------------------------------------------------------------------
DATABASES = {"default": env.db_url_config(env.str("DATABASE_URL", default="") or embedded.database_url())}
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
DATABASES["default"].setdefault("OPTIONS", {})["connect_timeout"] = 3
# Limits of web and tick, such as -c lock_timeout=5000: nobody waits for ever there, while jobs may take hours.
if env.str("DATABASE_OPTIONS", default=""):
    DATABASES["default"]["OPTIONS"]["options"] = env.str("DATABASE_OPTIONS")
# The web process answers each request in a thread of its own: as many connections as threads would be more than
# PostgreSQL takes, so that there a request waits for one of a few.
if env.int("DATABASE_POOL", default=0):
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": env.int("DATABASE_POOL"), "timeout": 3}
# A second connection to the same database, so that a job's progress is seen while its transaction is still open.
DATABASES["progress"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url()
REDIS_PREFIX = env.str("REDIS_PREFIX", default="sntry")
# A server of its own where wished, which may forget what is old; the other must not, because it carries tasks.
CACHE_URL = env.str("CACHE_URL", default="") or REDIS_URL
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py closes idle sockets after 5 s unless told otherwise.
        "CONFIG": {"hosts": [embedded.redis_database(REDIS_URL, 1, socket_timeout=30)], "prefix": REDIS_PREFIX},
    }
}
LIVE_RECHECK_SECONDS = env.float("LIVE_RECHECK_SECONDS", default=40)  # how often an open socket's rights are checked
CACHES = {
    "default": {
        "BACKEND": "stations.redis_rest.RestingCache",
        "LOCATION": embedded.redis_database(CACHE_URL, 2),
        "KEY_PREFIX": REDIS_PREFIX,
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

CELERY_BROKER_URL = embedded.celery_broker_url(REDIS_URL, 0)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,  # longer than a tick may take; jobs acknowledge early and are re-driven from their row
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "health_check_interval": 25,
    "global_keyprefix": f"{REDIS_PREFIX}:",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER, CELERY_ACCEPT_CONTENT = "json", ["json"]
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_IMPORTS = PRELOADS = env.list("PRELOADS", default=[])  # modules to load at the start rather than at first use
CELERY_TASK_ROUTES = {f"sntry_site.{name}": {"queue": "tick"} for name in ("tick", "advance_now", "help_tick")}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 5000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONSUMER = "sntry_site.worker_consumer:LastingConsumer"
CELERY_TIMEZONE = "UTC"

# --- Time, language, files ---------------------------------------------------------------------------------------
TIME_ZONE, USE_TZ = "UTC", True
LANGUAGE_CODE = "en-us"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Plain names: served from the source folders, so that a clean clone and the tests need no collectstatic first.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = VAR_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
EMAIL_TIMEOUT = 10  # seconds; without it a mail server that hangs would hold up everything else that is due

# --- Services of others; empty: off, and what stands in for them is labelled ---------------------------------------
OSRM_URL = env.str("OSRM_URL", default="")  # of a routing server, such as http://osrm:5000
GEMINI_API_KEY = env.str("GEMINI_API_KEY", default="")
GEMINI_MODEL = env.str("GEMINI_MODEL", default="gemini-3.8-flash")
GEMINI_TOKENS_PER_DAY = env.int("GEMINI_TOKENS_PER_DAY", default=1_000_000)
GEMINI_PRICES = env.list("GEMINI_PRICES", default=[])  # $ per million tokens, of prompts and of answers

# --- The network -------------------------------------------------------------------------------------------------
DATA_TIME_ZONE = env.str("DATA_TIME_ZONE", default="UTC")  # zone of imported timestamps, and of the climatology
RAW_DAYS = env.int("RAW_DAYS", default=2)  # days that ten-second readings are kept before only half-hours remain
EVENT_DAYS = env.int("EVENT_DAYS", default=180)
RESULT_DAYS = env.int("RESULT_DAYS", default=30)  # days that files made by jobs, such as refused rows, are kept
MODEL_DIR = Path(env.str("MODEL_DIR", default=str(VAR_DIR / "models")))
RISK_WATCH, RISK_DISPATCH, RISK_CRITICAL, RISK_TOAST = 0.40, 0.45, 0.60, 0.80
TICK_SHARDS = env.int("TICK_SHARDS", default=1)  # parts of a tick's forecasts; 2 to 4 for each worker of that queue
TICK_NOISE = env.str("TICK_NOISE", default="white")  # or "smooth": the same spread, but slow
TICK_SEED = env.int("TICK_SEED", default=0)
TICK_SURGE_CHANCE = env.float("TICK_SURGE_CHANCE", default=0.05)  # of an ambient surge at a tick
PRICE_ELASTICITY = env.float("PRICE_ELASTICITY", default=-0.76)  # of the simulated drivers' demand

LOGGING = logging_settings(env.str("LOG_FORMAT", default="json" if HTTPS_ONLY else "plain"))  # noqa: F405
