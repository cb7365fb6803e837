"""The tables of docs/simulation.md, made from the numbers themselves so that they cannot differ."""

from .causes import CAUSES
from .parameters import SCENARIOS, parameter_rows


def parameter_tables() -> str:
    """Markdown: the causes, then every parameter with its unit and source, then the scenarios."""
    return "\n\n".join([_causes(), *_groups(), _scenarios()])


def _table(*rows: tuple) -> str:
    head, *body = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def _causes() -> str:
    head = ("cause", "DC / Level 2 per port-year", "frailty var", "announced", "says", "remote", "min on site", "part",
            "skill", "field group", "source")  # fmt: skip
    return "### Causes\n\n" + _table(head, *(
        (cause.name, f"{cause.dc_per_year:g} / {cause.level_2_per_year:g}", f"{cause.frailty_variance:g}",
         f"{cause.warned_share:g}", f"{cause.status} {cause.error_code} {cause.vendor_code}".strip(),
         f"{cause.remote_share:g}", f"{cause.onsite_minutes:g}", cause.part, cause.skill, cause.group, cause.source)
        for cause in CAUSES
    ))  # fmt: skip


def _groups() -> list[str]:
    rows = parameter_rows(SCENARIOS["typical"])
    titles = {"heat": "Heat", "effects": "What drives the hazards", "repair": "Repairs", "use": "Cars and prices"}
    return [
        f"### {title}\n\n"
        + _table(("name", "value", "unit, meaning", "source"), *(
            (f"`{name}`", value if isinstance(value, tuple) else f"{value:g}", unit, source)
            for group, name, value, unit, source in rows if group == key
        ))
        for key, title in titles.items()
    ]  # fmt: skip


def _scenarios() -> str:
    head = ("scenario", "rates x", "repair times x", "frailty variance", "failed starts", "availability")
    return "### Scenarios\n\n" + _table(head, *(
        (one.name, f"{one.rates:g}", f"{one.repair_times:g}", f"{one.effects.frailty_variance:g}",
         f"{one.use.failed_starts:g}",
         f"{one.lowest_availability:.0%} to {one.highest_availability:.0%}")
        for one in SCENARIOS.values()
    ))  # fmt: skip
