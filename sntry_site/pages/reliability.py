"""The reliability pages: one for each question, its files, and a report of a month on one sheet."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from stations.access import operator_ids
from stations.job_report import progress_of
from stations.models import Operator
from stations.models.places import ChargerType
from telemetry.analyses import store
from telemetry.analyses.answer import UNKNOWN, Answer, in_words
from telemetry.analyses.asking import BadQuestion, options_of, period_of, place_of
from telemetry.analyses.questions import BY_SLUG, QUESTIONS, Question
from telemetry.analyses.scope import DAYS, USUAL_DAYS, Scope, last_whole_day
from telemetry.analyses.tables import as_csv, as_xlsx
from telemetry.models import ReliabilityAnswer

from .access import staff_required

SHOWN_ROWS = 50
MONTH_QUESTIONS = ("failures", "uptime", "attempts", "hotspots", "cost")
MONTH_ROWS = 5
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Asked:
    """A question's scope, and what the form is to show."""

    scope: Scope
    operator: str
    days: int
    options: dict = field(default_factory=dict)

    def address(self, slug: str, **more) -> str:
        """The page of a question with the same filters."""
        values = {"days": self.days, "to": f"{self.scope.end:%Y-%m-%d}", "operator": self.operator,
                  "site": self.scope.site, "type": self.scope.charger_type, **more}  # fmt: skip
        said = urlencode({name: value for name, value in values.items() if value not in ("", None)})
        return f"{reverse('reliability-question', args=[slug])}?{said}"


def asked_of(request, question: Question | None = None) -> Asked:
    """Read the address. Raises BadQuestion for what makes no sense, and Http404 for an operator of somebody else's."""
    values = request.GET
    start, end = period_of(values.get("days"), values.get("to"))
    site, charger_type = place_of(values.get("site"), values.get("type"))
    operator, ids = values.get("operator", ""), operator_ids(request.user)
    if operator:
        if not re.fullmatch("[0-9]{1,18}", operator) or (ids is not None and int(operator) not in ids):
            raise Http404("There is no such operator, or it is not one of yours.")
        ids = {get_object_or_404(Operator, pk=int(operator)).pk}
    options = options_of(question, values)
    scope = Scope(start, end, None if ids is None else tuple(sorted(ids)), site, charger_type, options)
    return Asked(scope, operator, scope.days, options)


@require_safe
@staff_required
def index(request):
    """All questions, with what they last got of the usual period."""
    try:
        asked = asked_of(request)
    except BadQuestion as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    keys = {asked.scope.key(one.slug): one.slug for one in QUESTIONS}
    rows = ReliabilityAnswer.objects.filter(key__in=keys).values_list("question", "answer__sentence", "computed_at")
    said = {slug: (sentence, at) for slug, sentence, at in rows}
    questions = [{"question": one, "address": asked.address(one.slug), "said": said.get(one.slug)} for one in QUESTIONS]
    return render(request, "reliability/index.html", {"questions": questions, **_form(request, asked)})


@require_safe
@staff_required
def page(request, slug: str):
    """One question. Light ones are answered at once, heavy ones by a job; both are kept."""
    question = BY_SLUG.get(slug)
    if question is None:
        raise Http404("There is no such question.")
    try:
        asked = asked_of(request, question)
    except BadQuestion as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    found = answered(question, asked.scope, request.user)
    wanted = request.GET.get("format")
    if wanted in ("csv", "xlsx"):
        return _file(question, asked.scope, None if found["is_old"] else found["answer"], wanted)
    context = {"question": question, "asked": asked, **_shown(found), **_form(request, asked, question)}
    context["again"] = asked.address(slug, part="answer", **asked.options)
    context["files"] = [(name, asked.address(slug, format=name.lower(), **asked.options)) for name in ("CSV", "XLSX")]
    if request.GET.get("part") == "answer":
        return render(request, "reliability/answer.html", context)
    return render(request, "reliability/question.html", context)


def answered(question: Question, scope: Scope, user) -> dict:
    """The answer as it is kept or made now, its row, and the job that is making a newer one."""
    version = store.input_version(scope, question.reads)
    answer, row, is_current = store.kept(question.slug, scope, version)
    if is_current:
        return {"answer": answer, "row": row, "job": None, "failed": None, "is_old": False}
    if not question.is_heavy:
        row = store.make(question.slug, scope)
        return {"answer": Answer.from_json(row.answer), "row": row, "job": None, "failed": None, "is_old": False}
    failed = store.last_failure(question.slug, scope)
    job = None if failed else store.job_for(question.slug, scope, user)
    return {"answer": answer, "row": row, "job": job, "failed": failed, "is_old": True}


def _shown(found: dict) -> dict:
    """What the template needs of an answer, and how far its job is."""
    answer, job = found["answer"], found["job"]
    context = {"row": found["row"], "job": job, "failed": found["failed"], "answer": answer, "is_old": found["is_old"]}
    if job:
        context["progress"] = progress_of(job, timezone.now())
    if answer:
        rows = [[cell(value) for value in row] for row in answer.table.head(SHOWN_ROWS).itertuples(index=False)]
        context |= {
            "plots": [mark_safe(plot) for plot in answer.plots],  # noqa: S308  (made by telemetry.plots, which escapes)
            "columns": _heads(answer.table.columns, rows), "rows": rows, "more_rows": len(answer.table) - len(rows),
        }  # fmt: skip
    return context


def _heads(names, rows: list[list[tuple[str, bool]]]) -> list[tuple[str, bool]]:
    """Names of the columns, and whether any value shown of one is a number."""
    return [(name, any(row[place][1] for row in rows)) for place, name in enumerate(names)]


def cell(value) -> tuple[str, bool]:
    """A value of a table in words, and whether it is a number."""
    if value is None or value != value:
        return UNKNOWN, False
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, int):
        return f"{value:,}", True
    if isinstance(value, float):
        return in_words(value), True
    return ("no bound", True) if value == "infinity" else (str(value), False)


def _form(request, asked: Asked, question: Question | None = None) -> dict:
    """The filters: period, operator, site, type, and what the question asks besides."""
    operators = Operator.objects.visible_to(request.user).values_list("pk", "name")
    options = question.options if question else ()
    return {
        "asked": asked, "operators": [(str(pk), name) for pk, name in operators], "types": ChargerType.values,
        "periods": sorted({*DAYS, asked.days}), "usual": USUAL_DAYS,
        "menu": [(one, asked.address(one.slug)) for one in QUESTIONS],
        "options": [{"option": one, "value": asked.options.get(one.name, "")} for one in options],
    }  # fmt: skip


def _file(question: Question, scope: Scope, answer: Answer | None, wanted: str) -> HttpResponse:
    if answer is None:
        return HttpResponse("This answer is not made of the newest rows yet; open its page to see how far it is.",
                            status=409, content_type="text/plain; charset=utf-8")  # fmt: skip
    name = f"{question.slug}-{scope.start:%Y-%m-%d}-{scope.days}-days.{wanted}"
    told = [question.asks, answer.sentence, f"{scope.start:%Y-%m-%d} to {scope.end:%Y-%m-%d} (UTC)", question.method,
            *question.assumes, *answer.notes,
            *(f"{one.label}: {one.said}; {one.sure}; {one.note}".strip("; ") for one in answer.figures)]  # fmt: skip
    body = as_csv(answer.table) if wanted == "csv" else as_xlsx(answer.table, question.title, told)
    response = HttpResponse(body, content_type="text/csv; charset=utf-8" if wanted == "csv" else XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@staff_required
def report(request, operator: int):
    """A month of one operator on one sheet of paper."""
    ids = operator_ids(request.user)
    if ids is not None and operator not in ids:
        raise Http404("There is no such operator, or it is not one of yours.")
    whose = get_object_or_404(Operator, pk=operator)
    try:
        start, end = month_of(request.GET.get("month", ""))
    except ValueError:
        return HttpResponseBadRequest("“month” must be written as YYYY-MM.", content_type="text/plain; charset=utf-8")
    scope, parts = Scope(start, end, (whose.pk,)), []
    for slug in MONTH_QUESTIONS:
        found = answered(BY_SLUG[slug], scope, request.user)
        rows = _shown({**found, "job": None})
        parts.append(
            {"question": BY_SLUG[slug], **rows, "job": found["job"], "rows": rows.get("rows", [])[:MONTH_ROWS]}
        )
    context = {"operator": whose, "start": start, "last": end - timedelta(days=1), "parts": parts,
               "is_waiting": any(part["job"] for part in parts), "made_at": timezone.now(),
               "others": [_month_name(start, back) for back in (-1, 1)]}  # fmt: skip
    return render(request, "reliability/report.html", context)


def month_of(word: str) -> tuple[datetime, datetime]:
    """Begin and end of a month "2026-10"; without a word the last whole one that something was heard of."""
    if word:
        start = datetime.strptime(word, "%Y-%m").replace(tzinfo=UTC)
        if not 1990 <= start.year <= 2200:
            raise ValueError("no month of this century or about")
    else:
        start = (last_whole_day(timezone.now()).replace(day=1) - timedelta(days=1)).replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def _month_name(start: datetime, step: int) -> str:
    other = start - timedelta(days=1) if step < 0 else start + timedelta(days=32)
    return f"{other:%Y-%m}"
