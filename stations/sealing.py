"""Secrets of others that we must send again: kept in the database under a key that is made of SECRET_KEY."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotOpen(Exception):
    """It was sealed under another SECRET_KEY."""


def sealed(text: str) -> str:
    """`text` so that it can be kept; `opened` gives it back."""
    return _box().encrypt(text.encode()).decode()


def opened(kept: str) -> str:
    """What was sealed, also under one of SECRET_KEY_FALLBACKS. Raises CannotOpen."""
    try:
        return _box().decrypt(kept.encode()).decode()
    except InvalidToken:
        raise CannotOpen("It was sealed under another SECRET_KEY; enter it anew.") from None


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(b"sntry sealed secrets:" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
