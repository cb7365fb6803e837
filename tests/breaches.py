"""Where on a page a payload of tests/hostile.py has become more than words."""

import re
from html.parser import HTMLParser

from .hostile import MARK

LOADS = {"src", "srcset", "poster", "background", "data", "srcdoc", "imagesrcset"}
LEADS = {"href", "xlink:href", "action", "formaction", "hx-get", "hx-post", "data-hx-get", "ping", "manifest"}
TARGETS = {"to", "values", "from"}  # of SVG's animations
RUNS = ("on", "x-", "@", ":", "hx-on", "v-", "ng-", "data-hx-on")
EVALUATED = re.compile(rf"\b49{MARK}")


class _Page(HTMLParser):
    """Reads a page and keeps where MARK is more than text or a value that nobody runs or follows."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.within, self.kind = "", ""

    def handle_starttag(self, tag, attrs):
        if MARK in tag:
            self.found.append(f"element <{tag[:60]}>")
        self.within, self.kind = tag, dict(attrs).get("type") or ""
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    handle_startendtag = handle_starttag

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if MARK in name:
            self.found.append(f"attribute {name[:60]} of <{tag}>")
        if MARK not in value:
            return
        address = re.sub(r"[\x00-\x20]", "", value).lower()
        if (
            name.startswith(RUNS)
            or name == "style"
            or (tag == "meta" and name == "content")
            or (name in TARGETS and address.startswith(("javascript:", "vbscript:")))
            or (name in LOADS and (not address.startswith("/") or address.startswith(("//", "/\\"))))
            or (name in LEADS and not _is_harmless(address))
        ):
            self.found.append(f'{name}="{value[:60]}" of <{tag}>')

    def handle_endtag(self, tag):
        self.within = ""

    def handle_data(self, data):
        if MARK not in data:
            return
        is_data = self.kind.endswith("json") and "<" not in data
        if self.within in ("script", "style") and not is_data:
            self.found.append(f"inside <{self.within}>: {data[:60]}")

    def handle_comment(self, data):
        if MARK in data:
            self.found.append(f"comment {data[:60]}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def _is_harmless(address: str) -> bool:
    """A way to a page of ours, or an ordinary link that somebody has to click."""
    scheme = re.match(r"[a-z][a-z0-9+.-]*:", address)
    if scheme:
        return scheme[0] in ("https:", "http:", "mailto:", "tel:")
    return not re.match(r"[/\\]{2}", address)


def breaches(page: str) -> list[str]:
    """Where MARK has become an element, an attribute, something that is run, loaded or evaluated."""
    reader = _Page()
    reader.feed(page)
    if reader.cdata_elem and MARK in reader.rawdata:
        reader.found.append(f"inside <{reader.cdata_elem}> that is not closed")
    reader.close()
    return reader.found + [f"evaluated: {found}" for found in EVALUATED.findall(page)]
