import gc

from django.apps import AppConfig


class SntrySiteConfig(AppConfig):
    """The site itself: what brings the four apps together."""

    name = "sntry_site"
    verbose_name = "Sntry"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers them)

        gc.freeze()
        gc.enable()
