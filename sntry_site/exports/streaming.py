"""Large files that are written while they are sent: read with a cursor of the server, never whole in memory."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.http import StreamingHttpResponse

ROWS_AT_ONCE = 2_000
PIECE_BYTES = 64 * 1024
# A page's own limits are for those who wait for a page; a slow reader of a file may take its time.
PATIENCE = "SET LOCAL statement_timeout = '120s'; SET LOCAL idle_in_transaction_session_timeout = '300s'"


def rows_of(query: str, parameters: dict) -> Iterator[tuple]:
    """The rows of a query, a few thousand at a time, of one snapshot."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE)
        with connection.chunked_cursor() as cursor:
            cursor.execute(query, parameters)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield from rows


def csv_pieces(columns: Iterable[str], rows: Iterable[tuple]) -> Iterator[bytes]:
    """A CSV file in pieces of about 64 kB."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(row)
        if text.tell() >= PIECE_BYTES:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def csv_download(name: str, columns: Iterable[str], rows: Iterable[tuple]) -> StreamingHttpResponse:
    """A CSV file as a download that no browser opens by itself; `name` is of our own making."""
    response = StreamingHttpResponse(_sent(csv_pieces(columns, rows)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def file_download(name: str, file, content_type: str) -> StreamingHttpResponse:
    """An open file of ours as a download, read while it is sent."""
    response = StreamingHttpResponse(_sent(_read(file)), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Length"] = str(file.size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _read(file) -> Iterator[bytes]:
    with file:
        yield from file.chunks(PIECE_BYTES)


async def _sent(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Piece by piece: Django would read a plain iterator to its end before it sends anything.

    Always in the request's own thread, because the transaction of the cursor is of that thread.
    """
    take = sync_to_async(next, thread_sensitive=True)
    try:
        while (piece := await take(pieces, None)) is not None:
            yield piece
    finally:
        await sync_to_async(pieces.close, thread_sensitive=True)()
