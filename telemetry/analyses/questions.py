"""The questions, in the order of the menu: their words, who answers them, how, and what is assumed."""

from collections.abc import Callable
from dataclasses import dataclass

from telemetry.reliability.answers import CannotAnswer

from . import capacity_answers, change_answers, model_answers, outage_answers, use_answers
from .answer import Answer
from .inputs import Inputs
from .scope import Scope


@dataclass(frozen=True)
class Option:
    """What a question asks besides period and place; `kind` is that of an HTML input."""

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One page; `is_heavy` ones are answered by a job."""

    slug: str
    title: str
    asks: str
    answer: Callable[[Inputs], Answer]
    method: str
    assumes: tuple[str, ...]
    is_heavy: bool = False
    options: tuple[Option, ...] = ()
    reads: tuple[str, ...] = ("reports",)  # besides outages and places: kinds of `LateChange`


_USE = ("reports", "sessions")
_DAY = Option("at", "Day of the change", "date", "in the period; default its middle")

QUESTIONS = (
    Question(
        "failures", "Failures and repairs", "How often do chargers fail, and how long are they out?",
        outage_answers.failures,
        "Outages are spells: from the first fault report to the first other one, at least a minute long. Time between"
        " failures is time up over outages that began, with the exact chi-square interval. Time to repair is the"
        " Kaplan-Meier curve of the spells, so that those still going on count as at least so long.",
        ("Failures come at a constant rate within the period.",
         "Outages that had begun before the period say nothing of how long repairs take, and are left out of that.",
         "A charger that says nothing is where it said last that it was."),
    ),
    Question(
        "hotspots", "Hot chargers", "Which chargers fail more often than luck explains?", outage_answers.hot_chargers,
        "Each charger's outages are compared with what its time up would bring at the rate of its type: exact Poisson"
        " mid-p-values, then Benjamini and Hochberg at 5 %. Rates are shrunk towards the type's by a gamma-Poisson"
        " model.",
        ("Chargers of one type are alike but for luck and their own frailty.", "Outages of a charger are independent."),
    ),
    Question(
        "changes", "Before and after", "Did failures change after a day?", change_answers.changes,
        "Outages that began per hour up, after over before, the same chargers on both sides; standard error by charger"
        " (sandwich), and by flipping signs where there are fewer than 20. The two windows never overlap.",
        ("Nothing else changed with the day: season, load and reporting do.",),
        options=(_DAY, Option("washout", "Wash-out (days)", "number", "default 1")),
    ),
    Question(
        "rollout", "Roll-outs", "What did a change at some sites do?", change_answers.rollouts,
        "Difference in differences of the share of time out, with effects of site and day, weighted by charger-hours,"
        " clustered by site. Weeks before the change are compared (leads), other dates tried (placebos), and with fewer"
        " than 10 treated sites the change is put at other sets of sites (randomisation).",
        ("Without the change, treated sites would have moved as the others did.",
         "Sites with days of their own (EV00001=2026-08-01) are compared with those not reached yet."),
        options=(Option("treated", "Treated sites (or ID=day)", "text", "IDs with commas"), _DAY),
    ),
    Question(
        "uptime", "Uptime", "Which ports meet the federal 97 %?", model_answers.uptime,
        "23 CFR 680.116(b): (525,600 − (outage − excluded)) / 525,600 of each port over the previous twelve months."
        " Outages are cut to the period and merged; excluded are those with a reason of the programme and evidence.",
        ("Faulted and offline count as outage; planned service does not.",
         "Every minute counts, of outages below a minute too, because the rule knows no shortest outage.",
         "A minute that an outage without a reason covers too is not excluded.",
         "A port of which less than a year is known has no federal figure yet."),
        options=(Option("programme", "Programme", "select", choices=("nevi", "california", "none")),),
    ),
    Question(
        "attempts", "Charging success", "Do drivers succeed in charging?", use_answers.attempts,
        "ChargeX: an attempt goes from plugging in to leaving, and succeeds when a session followed, delivered more"
        " than 0.1 kWh, was said to have succeeded and did not end in a fault; where nobody said so it is in no share."
        " Visits gather attempts of unknown drivers at one port less than 2 minutes apart. Interval by site.",
        ("Drivers are not known, so that somebody who moves to another port counts as two visits.",), True,
        (Option("least_kwh", "Energy of a success (kWh), more than", "number", "default 0.1"),), _USE,
    ),
    Question(
        "load", "Load", "Do busy chargers fail more?", use_answers.load,
        "Discrete-time hazard: of each hour at which a charger was up, whether an outage begins in it, by the share"
        " of the"
        " hour before in which a car charged; with hour of the day, weekend and type. Complementary log-log,"
        " clustered.",
        ("Says what goes with load, not what a change of load would do.",
         "A charger that is broken and has not said so yet looks idle, which makes load look better than it is."), True,
        reads=_USE,
    ),
    Question(
        "capacity", "One more charger", "Where would one more charger save most waiting?", capacity_answers.capacity,
        "Queue M/M/c in each site's busiest hours of the day: cars per hour and session length as measured,"
        " chargers times availability; with one more, and with demand that follows it by 0 to 100 %.",
        ("Cars come at random and wait as long as it takes: at a site at its limit this is an upper bound.",
         "Cars that saw the queue and left are not in the counts.", "Fewer faults through less load are not in it."),
        True, reads=_USE,
    ),
    Question(
        "cost", "What outages cost", "What do outages and failed sessions cost?", use_answers.cost,
        "A failed session lost the median energy of successful ones of its charger type and hour, less what it"
        " delivered. An hour out lost what such a charger sells in such an hour. Margin, not price. Interval by"
        " drawing chargers again.",
        ("The margin per kWh, and the share that is sold anyway elsewhere or later, are assumptions: try others.",),
        True,
        (Option("margin", "Margin per kWh", "number", "default 0.15"),
         Option("recapture", "Share sold anyway (0 to 1)", "number", "default 0.3")), _USE,
    ),
    Question(
        "forecast", "Outages ahead", "How many outages will begin in the next two weeks?", model_answers.forecast,
        "SARIMA on the root of daily counts (order by AICc) and Poisson regression on weekdays, the better at four"
        " rolling"
        " origins, against repeating the week before. What is not better is called not usable.",
        ("The weeks ahead are like those behind.", "At least eight weeks are known."), True,
    ),
    Question(
        "factors", "What goes with outages", "What goes with outages?", model_answers.factors,
        "Logistic regression of an outage beginning in an hour; rare levels pooled, the hour cyclic, what is"
        " missing marked,"
        " clustered by charger; Firth's penalty where a term separates.",
        ("Associations, not causes: causes are in the work orders and among the diagnoses.",), True,
        reads=(*_USE, "readings"),
    ),
    Question(
        "alerts", "What alerts are worth", "What would alerts on recent failures be worth?", model_answers.alerts,
        "Each day every charger that is up is scored by its own and its site's recent outages. A threshold is"
        " chosen in the"
        " first half by cost and judged in the second: precision by alert, recall by outage, one alert a day at most.",
        ("An outage of the next 24 hours that was alerted could have been acted on.",), True,
        (Option("missed_cost", "An outage missed costs as many alerts as", "number", "default 10"),),
    ),
)  # fmt: skip
BY_SLUG = {question.slug: question for question in QUESTIONS}


def ask(slug: str, scope: Scope, progress=lambda done, total=None, message="": None) -> Answer:
    """Answer a question from the database; what cannot be answered says so in a sentence."""
    try:
        return BY_SLUG[slug].answer(Inputs(scope, progress))
    except CannotAnswer as error:
        said = str(error)
        return Answer(f"{said[:1].upper()}{said[1:]}.", cannot=True)
