"""What a worker does for the assistant, on the queue `jobs`."""

from celery import shared_task
from django.contrib.auth import get_user_model

from . import answering


@shared_task(name=answering.TASK, soft_time_limit=40, time_limit=50)
def ask_gemini_task(user_id: int, token: str, question: str, before: str = "") -> None:
    """Have Gemini answer one question, for somebody who may still ask it."""
    user = get_user_model().objects.filter(pk=user_id, is_active=True, is_staff=True).first()
    if user is not None:
        answering.write(user, token, question, before)
