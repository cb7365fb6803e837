"""How much of the day's tokens is used up, whoever asked for them: notes and the assistant share one budget."""

from datetime import datetime, timedelta

from django.conf import settings

from stations.models import AssistantCall

from .models import RootCauseNote


def day_is_spent(now: datetime) -> bool:
    """Whether the last 24 h have cost GEMINI_TOKENS_PER_DAY tokens."""
    since = now - timedelta(days=1)
    used = RootCauseNote.objects.tokens_since(since) + AssistantCall.objects.tokens_since(since)
    return used >= settings.GEMINI_TOKENS_PER_DAY
