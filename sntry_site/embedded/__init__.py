"""Sntry's own private PostgreSQL and Valkey, used when DATABASE_URL or REDIS_URL is not set.

Settings import this package, and so it needs nothing but the standard library.
"""

from .addresses import celery_broker_url, database_url, local_secret_key, redis_database, redis_url
from .failures import EnginesUnavailable
from .launcher import ensure_running, status, stop

__all__ = [
    "EnginesUnavailable",
    "celery_broker_url",
    "database_url",
    "ensure_running",
    "local_secret_key",
    "redis_database",
    "redis_url",
    "status",
    "stop",
]
