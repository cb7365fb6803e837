import gc

# What is imported stays. Looking through it for garbage again and again, while it grows, takes a fourth of a start.
gc.disable()  # until SntrySiteConfig.ready

from .celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
