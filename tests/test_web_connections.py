"""However many callers there are, the web process has a few connections to PostgreSQL."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from sntry_site.programs import POOLED

OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def open_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(OPEN)
        return cursor.fetchone()[0]


def test_sixty_callers_at_once_share_the_pool_and_all_are_answered(live_site):
    most = int(POOLED["DATABASE_POOL"])
    cookie = live_site.cookie(User.objects.create_superuser("boss"))
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    address = f"{live_site.url}{reverse('jobs')}"
    before = open_connections()
    with ThreadPoolExecutor(60) as callers:
        answers = [callers.submit(httpx.get, address, headers=headers, timeout=120) for _ in range(120)]
        counts = [open_connections()]
        while not all(answer.done() for answer in answers):
            counts.append(open_connections())
            time.sleep(0.01)
        assert {answer.result().status_code for answer in answers} == {200}
    assert before < max(counts) <= before + most
    assert open_connections() <= before + most
