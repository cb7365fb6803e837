"""Numbers in sentences: whether each that is said is one that was given, with the unit that it was given with.

Pure: texts in, texts out.
"""

import re
import unicodedata

from .facts import PLACEHOLDER

_NUMBER = re.compile(
    r"(?P<money>[$€£]\s?)?(?P<sign>(?<![\w\d)])[-\u2212])?(?P<number>\d+(?:[.,:]\d+)*)"
    r"(?:\s?(?P<percent>%|percent\b|per cent\b|percentage points?\b)"
    r"|(?P<letter>k|m|bn)\b|\s(?P<times>thousand|million|billion)\b)?"
    r"(?:\s?(?P<measure>hours?|hrs?|h|minutes?|min|seconds?|s|days?|weeks?|months?|years?|kwh|kw|mwh|mw|°f|°c|km|miles?|mi)(?![\w°]))?"
    r"(?:\s?(?:/|per\s|an\s|a\s|each\s)\s?(?P<rate>hours?|hr|h|minutes?|min|days?|weeks?|months?|years?|kwh)\b)?",
    re.IGNORECASE,
)
_TIMES = {"k": 1e3, "m": 1e6, "bn": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_UNITS = {
    "hours": "h", "hour": "h", "hrs": "h", "hr": "h", "minutes": "min", "minute": "min", "seconds": "s", "second": "s",
    "days": "day", "weeks": "week", "months": "month", "years": "year", "miles": "mi", "mile": "mi",
}  # fmt: skip
_SMALL = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen twenty"
)
_WORDS = {
    **{word: float(value) for value, word in enumerate(_SMALL.split(), 2)},
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0,
    "dozen": 12.0, "dozens": 12.0, "hundred": 100.0, "hundreds": 100.0, "thousand": 1e3, "thousands": 1e3,
    "million": 1e6, "millions": 1e6, "billion": 1e9, "half": 0.5, "quarter": 0.25, "twice": 2.0, "double": 2.0,
    "doubled": 2.0, "triple": 3.0, "tripled": 3.0, "thrice": 3.0, "zero": 0.0,
}  # fmt: skip
_WORD = re.compile(r"[a-z]+")
_PLAIN = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")
MONEY = "$€£"

Number = tuple[float | str, str, str]  # value (or a time of day), its unit, and per what


def numbers(text: str) -> set[Number]:
    """Every number of a text, in digits of any script or in words, with its unit; placeholders hold none."""
    bare = unicodedata.normalize("NFKC", PLACEHOLDER.sub(" ", text))
    found = {_read(match) for match in _NUMBER.finditer(bare)}
    words = _WORD.findall(_NUMBER.sub(" ", bare).lower())
    return found | {(_WORDS[word], "", "") for word in words if word in _WORDS}


def unsupported(said: str, given: list[str]) -> list[str]:
    """The numbers of `said` that stand in none of the `given` texts with the same unit, as words."""
    known = set().union(*(numbers(text) for text in given)) if given else set()
    return sorted(in_words(number) for number in numbers(said) if not _is_known(number, known))


def _is_known(number: Number, known: set[Number]) -> bool:
    """A rate that is not repeated ("$12" of "$12 per hour") is forgiven; one that differs is not."""
    value, unit, rate = number
    return any(value == other and unit == its and rate in ("", per) for other, its, per in known)


def in_words(number: Number) -> str:
    """A number with its unit, for people."""
    value, unit, rate = number
    written = value if isinstance(value, str) else f"{value:,.10g}"
    written = f"{unit}{written}" if unit in MONEY else f"{written} {unit}".strip()
    return f"{written} per {rate}" if rate else written


def _read(match: re.Match) -> Number:
    written, groups = match["number"], match.groupdict()
    unit = (groups["money"] or "").strip() or ("%" if groups["percent"] else _unit(groups["measure"]))
    rate = _unit(groups["rate"])
    value = _value(written)
    if isinstance(value, str):
        return value, unit, rate
    value *= _TIMES.get((groups["letter"] or groups["times"] or "").lower(), 1)
    return round(-value if groups["sign"] else value, 6), unit, rate


def _unit(word: str | None) -> str:
    word = (word or "").lower()
    return _UNITS.get(word, word)


def _value(written: str) -> float | str:
    """The number, or what is written where it is none but a time of day or the number of a version."""
    if not _PLAIN.fullmatch(written):
        return written
    return float(written.replace(",", ""))
