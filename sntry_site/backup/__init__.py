"""One file with everything that a network would miss: the database, the media and the trained models."""

from .archive import Archive, BadBackup
from .making import make
from .restoring import restore

__all__ = ["Archive", "BadBackup", "make", "restore"]
