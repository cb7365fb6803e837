"""Walks the audit log along its chain and says what is wrong with it; what is hashed is told to Python, not to SQL."""

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from django.db import connection, transaction

START = "0" * 64
# The same words as `stations_audit_text` of the database, written here again: who has changed that one is found out.
LINKS = """
SELECT seal.position, seal.previous, seal.digest, coalesce(entry.id, seal.entry_id), entry.id IS NULL,
    jsonb_build_array(entry.id, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), entry.kind,
        entry.actor_id, entry.actor, entry.action, entry.about, entry.about_id, entry.name, entry.reason,
        entry.address, entry.details)::text
FROM stations_auditentry entry FULL JOIN stations_auditseal seal ON seal.entry_id = entry.id
ORDER BY seal.position NULLS LAST, entry.id
"""
GUARDS = """
SELECT count(*) FILTER (WHERE tgenabled IN ('O', 'A')) FROM pg_trigger
WHERE tgrelid IN ('stations_auditentry'::regclass, 'stations_auditseal'::regclass)
    AND tgname IN ('audit_kept', 'audit_kept_whole', 'audit_sealed')
"""
GUARDS_THERE_ARE = 5


class Walk(NamedTuple):
    """What a walk along the chain has found: how many entries hold, the last hash, and the first thing wrong ('')."""

    entries: int
    head: str
    broken: str


def links() -> Iterator[tuple]:
    """Every place of the chain with its entry, and entries without a place last; a few thousand in memory at a time."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(LINKS)
        while rows := cursor.fetchmany(2000):
            yield from rows


def walk(known_head: str = "") -> Walk:
    """The chain from its first entry to its last. `known_head`: a hash noted earlier, which must be in it still."""
    count, head, seen = 0, START, not known_head
    for position, previous, digest, entry, is_gone, text in links():
        wrong = _wrong(count, head, position, previous, digest, is_gone, text)
        if wrong:
            return Walk(count, head, f"Entry {entry}: {wrong}")
        count, head = count + 1, digest
        seen = seen or digest == known_head
    if not seen:
        return Walk(count, head, f"No entry has the hash {known_head}: what came up to it was cut off or written anew.")
    if missing := guards_missing():
        return Walk(count, head, f"{missing} of the {GUARDS_THERE_ARE} triggers that guard the log are off or gone.")
    return Walk(count, head, "")


def guards_missing() -> int:
    """How many of the triggers that refuse changes and seal entries are not at work."""
    with connection.cursor() as cursor:
        cursor.execute(GUARDS)
        return GUARDS_THERE_ARE - cursor.fetchone()[0]


def _wrong(count: int, head: str, position, previous, digest, is_gone, text) -> str:
    if position is None:
        return "it has no place in the chain; it was not written in the usual way."
    if position != count + 1:
        return f"its place is {position} where {count + 1} is due; {position - count - 1} before it are gone."
    if is_gone:
        return f"it is gone, though place {position} of the chain names it."
    if previous != head:
        return f"at place {position} it does not follow the entry before it."
    if sha256(f"{head}\n{text}".encode()).hexdigest() != digest:
        return f"at place {position} its words are not those that were sealed."
    return ""
