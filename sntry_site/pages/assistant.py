"""The assistant's panel and page: ask, see the answer by rule, and wait for Gemini's beside it."""

from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from ..assistant import answering
from ..assistant.asking import LONGEST_QUESTION
from ..assistant.rules import SUGGESTED
from .access import staff_required

PART = "Sntry-Part"  # header of a request for a part of the page


@require_safe
@staff_required
def page(request):
    """The page by itself or, for the panel of another page, only what stands in it."""
    return render(request, _template(request, "panel"), _about())


@require_POST
@staff_required
def ask(request):
    """Answer a question by rule at once; where Gemini is asked too, the answer says where its words will be."""
    question = " ".join(request.POST.get("question", "").replace("\0", "").split())[:LONGEST_QUESTION]
    before = " ".join(request.POST.get("before", "").replace("\0", "").split())[:LONGEST_QUESTION]
    if not question:
        return _refused(request, "Type a question first, or press one of the suggested ones.", 400)
    if not answering.may_ask(request.user):
        return _refused(request, f"That is more than {answering.QUESTIONS_A_MINUTE} questions in a minute. "
                        "Wait a moment, then ask again.", 429)  # fmt: skip
    begun = answering.begin(request.user, question, before)
    response = render(request, _template(request, "answer"), {**_about(), "begun": begun})
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@staff_required
def words(request, token: str):
    """What Gemini has written by now; the part asks again by itself while nothing is there."""
    found = answering.look(request.user, token)
    if found is None:
        raise Http404("There is no such question, or its answer has been forgotten.")
    response = render(request, "assistant/words.html", {"token": token, **found})
    response["Cache-Control"] = "no-store"
    return response


def _refused(request, why: str, status: int):
    return render(request, _template(request, "refused"), {**_about(), "why": why}, status=status)


def _template(request, part: str) -> str:
    return f"assistant/{part}.html" if request.headers.get(PART) else "assistant/page.html"


def _about() -> dict:
    return {
        "suggested": SUGGESTED,
        "longest": LONGEST_QUESTION,
        "has_key": bool(settings.GEMINI_API_KEY),
        "model": settings.GEMINI_MODEL,
    }
