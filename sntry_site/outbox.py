"""What is carried out for partners."""

from . import webhooks  # noqa: F401  (registers itself)
