"""JSON in and out. What comes in is UTF-8 without NUL, lone surrogates, NaN, infinities and endless depth."""

import zlib

import orjson
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from .problems import Problem

MEGABYTE = 1024**2
LARGEST = 10 * MEGABYTE  # of a body once it is unpacked


class Json(BaseRenderer):
    """What a view returns, by orjson: times in UTC with Z, decimals as text."""

    media_type, format, charset = "application/json", "json", None

    def render(self, data, accepted_media_type=None, renderer_context=None) -> bytes:
        return b"" if data is None else dumps(data)


def dumps(data) -> bytes:
    """`data` as JSON bytes."""
    return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


class StrictJson(BaseParser):
    """A JSON body, packed with gzip or not."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        encoding = parser_context["request"].META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
        return loads(unpacked(stream.read(LARGEST + 1), encoding))


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body itself; it is never unpacked beyond the limit, however small it came."""
    if encoding == "gzip":
        body = _gunzipped(body)
    elif encoding not in ("", "identity"):
        raise Problem(415, f'The encoding "{encoding[:20]}" is not taken; send gzip, or none.')
    if len(body) > LARGEST:
        raise Problem(413, f"A body may have {LARGEST // MEGABYTE} MB once it is unpacked; send less at once.")
    return body


def _gunzipped(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body, LARGEST + 1)
    except zlib.error:
        data = None
    if data is None or (len(data) <= LARGEST and (not stream.eof or stream.unused_data)):
        raise Problem(400, "The body is not one whole gzip stream.")
    return data


def loads(body: bytes):
    """The value of a JSON body. orjson refuses NaN, infinities, lone surrogates and what is nested 1,024 deep."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"The body is not JSON (RFC 8259, UTF-8): {error}.") from None
    if b"\\u0000" in body:
        _refuse_nul(value)
    return value


def _refuse_nul(value) -> None:
    """PostgreSQL has no character NUL, so no text may hold one; without recursion, because depth is a danger too."""
    waiting = [("", value)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, dict):
            waiting += [(f"{path}/{name}", each) for name, each in part.items()] + [(path, name) for name in part]
        elif isinstance(part, list):
            waiting += [(f"{path}/{number}", each) for number, each in enumerate(part)]
        elif isinstance(part, str) and "\0" in part:
            where = path.replace("\0", "")
            message = "Text must not hold the character NUL."
            raise Problem(422, message, [{"path": where, "message": message}])
