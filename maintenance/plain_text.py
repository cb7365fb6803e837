"""Words of others made harmless: one line, nothing unseen, no markup and nothing that leads anywhere."""

import html
import re

LINK_REMOVED = "[link removed]"
# Counted as printable, yet not seen.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])[^>]*(?:>|$)")
_MARKDOWN_IMAGE = re.compile(r"!\[[^\]]*\](?:\([^)]*\)?|\[[^\]]*\])?")
_MARKDOWN_LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)?|\[[^\]]*\])")
_ENDINGS = "com|net|org|io|dev|app|xyz|info|biz|co|me|ru|cn|tk|zip|mov|top|site|online|gov|edu|eu|uk|de|fr|us|local"
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{0,30}:)?[/\\]{2}\S+"  # https://x, //x, \\x
    r"|\b(?:javascript|vbscript|data|mailto|tel|sms|file|blob|geo|intent):\S*"
    r"|\bwww\.\S+"
    rf"|\b(?:[\w-]+\.)+(?:{_ENDINGS})\b(?:[:/?#]\S*)?"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b(?:[:/]\S*)?"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"[`*|~]+|_{2,}|^\s*#+\s*")
_ROUNDS = 8


def readable(text: str, longest: int) -> str:
    """`text` on one line, without characters that are not seen or change the order of reading, cut at `longest`."""
    seen = (character if character.isprintable() else " " for character in _BLANK.sub(" ", text))
    return _cut(" ".join("".join(seen).split()), longest)


def plain(text: str, longest: int) -> str:
    """The same without markup, images, links and addresses; applied twice it gives what it gives once.

    There is no angle bracket in it. Of a text that is not harmless after some rounds nothing is left.
    """
    text = readable(text, 20 * longest)
    for _ in range(_ROUNDS):
        stripped = readable(_stripped(text), longest)
        if stripped == text:
            return stripped
        text = stripped
    return ""


def _stripped(text: str) -> str:
    text = _TAG.sub(" ", html.unescape(text))
    text = _MARKDOWN_LINK.sub(r"\1", _MARKDOWN_IMAGE.sub(" ", text))
    text = _ADDRESS.sub(LINK_REMOVED, text)
    return _DECORATION.sub(" ", text).replace("<", "‹").replace(">", "›")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
