"""The record of who did what, when and why: rows are added and never changed, and each is chained to the one before.

Most rows are written by triggers in the transaction of what they tell of (stations/migrations/0021): whatever stands in
the admin's log, steps of orders and incidents that people make, prices, stress and healing, jobs. The rest comes by
`note`: log-ins, second factors, calls of partners' keys, files that leave.
"""

from django.db import models
from django.db.models.functions import Now

LONGEST_NAME, LONGEST_REASON = 150, 300


class AuditEntryQuerySet(models.QuerySet):
    def note(self, action: str, *, by=None, about=None, name="", reason="", address=None, **details) -> "AuditEntry":
        """Keep that `by` did something, to `about` where that is a row.

        It is a person, a partner's key or OCPI connection, or nobody known.

        It counts once the caller's transaction is committed, and is gone if that is rolled back.
        """
        return self.create(
            **_who(by),
            action=action,
            about=about._meta.label_lower if about is not None else "",
            about_id=str(about.pk)[:LONGEST_NAME] if about is not None else "",
            name=_text(name or (str(about) if about is not None else ""), LONGEST_NAME),
            reason=_text(reason, LONGEST_REASON),
            address=_text(address or "", 45),
            details=details,
        )


class AuditEntry(models.Model):
    """Somebody did something that matters. Names stay as they were; nothing here points at rows that may go."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        KEY = "key", "Partner's key"
        NOBODY = "", "Nobody known"

    at = models.DateTimeField(db_default=Now(), editable=False)
    kind = models.CharField("who is it", max_length=6, choices=Kind, blank=True)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor = models.CharField("who", max_length=LONGEST_NAME, blank=True)
    action = models.CharField("what", max_length=60)
    about = models.CharField("kind of row", max_length=60, blank=True)
    about_id = models.CharField("id", max_length=LONGEST_NAME, blank=True)
    name = models.CharField("of what", max_length=LONGEST_NAME, blank=True)
    reason = models.CharField("why", max_length=LONGEST_REASON, blank=True)
    address = models.CharField("from where", max_length=45, blank=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name, verbose_name_plural = "audit entry", "audit log"

    def __str__(self) -> str:
        return f"{self.actor or 'somebody'}: {self.action} {self.name}".strip()


class AuditSeal(models.Model):
    """The place of an entry in the chain, and the hash of all that stands before and in it; written by a trigger.

    At the commit, not before, because a chain that is held through a long transaction would hold up everybody.
    """

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.position}: {self.digest[:12]}…"


def _who(by) -> dict:
    if by is None or not getattr(by, "pk", None):
        return {"kind": AuditEntry.Kind.NOBODY, "actor": _text(by or "", LONGEST_NAME)}
    if hasattr(by, "party_id"):  # an OCPI connection, whose id is none of a key
        return {"kind": AuditEntry.Kind.KEY, "actor": _text(f"OCPI of {by.partner}", LONGEST_NAME)}
    if hasattr(by, "partner_id"):
        return {"kind": AuditEntry.Kind.KEY, "actor_id": by.pk, "actor": f"{by} of {by.partner}"[:LONGEST_NAME]}
    return {"kind": AuditEntry.Kind.PERSON, "actor_id": by.pk, "actor": by.get_username()}


def _text(value, longest: int) -> str:
    return str(value).replace("\0", "")[:longest]
