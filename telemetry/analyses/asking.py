"""What a person or a program asks for, in words: made into a period, a place and options, or refused in a sentence."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.utils import timezone

from stations.models.places import ChargerType

from .questions import Option, Question
from .scope import USUAL_DAYS, day_start, last_whole_day

LONGEST_DAYS = 731
_LONGEST_WORD = 2000


class BadQuestion(ValueError):
    """It makes no sense to ask this; the message says what to ask instead."""


def period_of(days: str | int | None, to: str | None) -> tuple[datetime, datetime]:
    """Begin and end of a period of so many days before the day `to`; without them the usual days up to the last one."""
    days = str(days if days not in (None, "") else USUAL_DAYS).strip()
    if not re.fullmatch("[0-9]{1,6}", days):
        raise BadQuestion("“days” must be a whole number, such as 28.")
    if not 1 <= int(days) <= LONGEST_DAYS:
        raise BadQuestion(f"A period is 1 to {LONGEST_DAYS} days long, not {int(days):,}.")
    if to and not _is_day(to):
        raise BadQuestion("“to” must be a day as YYYY-MM-DD.")
    end = day_start(date.fromisoformat(to)) if to else last_whole_day(timezone.now())
    if not 1990 <= end.year <= 2200:
        raise BadQuestion("“to” must be a day of this century or about.")
    return end - timedelta(days=int(days)), end


def place_of(site: str | None, charger_type: str | None) -> tuple[str, str]:
    """The ID of a site and a charger type, "" for all."""
    site, charger_type = (site or "").strip(), charger_type or ""
    if "\0" in site or len(site) > 64:
        raise BadQuestion("“site” must be the ID of a site: at most 64 characters that can be written.")
    if charger_type and charger_type not in ChargerType.values:
        raise BadQuestion(f"“type” must be one of {', '.join(ChargerType.values)}.")
    return site, charger_type


def options_of(question: Question | None, values: Mapping[str, str]) -> dict[str, str]:
    """What the question asks besides, as far as it is given and makes sense."""
    options = question.options if question else ()
    said = {one: values.get(one.name, "").strip() for one in options}
    return {option.name: _checked(option, value) for option, value in said.items() if value}


def _checked(option: Option, value: str) -> str:
    if "\0" in value or len(value) > _LONGEST_WORD:
        raise BadQuestion(f"“{option.label}” is too long, or has a character that cannot be looked for.")
    if option.kind == "number" and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
        raise BadQuestion(f"“{option.label}” must be a number from 0 on.")
    if option.kind == "date" and not _is_day(value):
        raise BadQuestion(f"“{option.label}” must be a day as YYYY-MM-DD.")
    if option.choices and value not in option.choices:
        raise BadQuestion(f"“{option.label}” must be one of {', '.join(option.choices)}.")
    return value


def _is_day(value: str) -> bool:
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and date.fromisoformat(value))
    except ValueError:
        return False
