"""Lists of millions of rows count by estimate, read one page by index, and never sort or count the table."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stations.admin_site import EXACT_UP_TO, EstimatedPaginator
from stations.keyset import WINDOW, estimated_rows
from stations.models import Operator, Site
from telemetry.models import StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
ROWS = 2 * WINDOW


@pytest.fixture
def reports():
    charger = fleet.charger(fleet.site(Operator.objects.create(name="Northline"), 1))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_statusreport (charger_id, reported_at, status, error_code)"
            " SELECT %s, %s - n * interval '1 minute', 'AVAILABLE', '' FROM generate_series(1, %s) n",
            [charger.pk, fleet.NOW, ROWS],
        )
        cursor.execute("ANALYZE telemetry_statusreport")
    return charger


def changelist_queries(client, query: str = "") -> list[str]:
    client.force_login(fleet.person("chief", is_superuser=True))
    with CaptureQueriesContext(connection) as captured:
        response = client.get(reverse("admin:telemetry_statusreport_changelist") + query)
    assert len(response.context["cl"].result_list) == 100
    return [each["sql"] for each in captured]


def test_a_big_table_is_not_counted(reports, client):
    assert estimated_rows(StatusReport) == ROWS
    queries = changelist_queries(client)
    counts = [sql for sql in queries if "COUNT(" in sql and "statusreport" in sql]
    assert all(f"LIMIT {EXACT_UP_TO}" in sql for sql in counts)


def test_its_pages_end_where_paging_becomes_slow(reports):
    pages = EstimatedPaginator(StatusReport.objects.order_by("-pk"), 100)
    assert (pages.count, pages.num_pages) == (EXACT_UP_TO, EXACT_UP_TO // 100)


def keys(page) -> list[int]:
    return [row.pk for row in page.context["cl"].result_list]


@pytest.mark.parametrize("place", ["", "charger__id__exact={pk}"])
def test_pages_follow_each_other_without_gap_or_repetition_both_ways(reports, client, place):
    client.force_login(fleet.person("chief", is_superuser=True))
    listed = reverse("admin:telemetry_statusreport_changelist")
    page = client.get(f"{listed}?{place.format(pk=reports.pk)}" if place else listed)
    field = "-reported_at" if place else "-pk"
    wanted = list(StatusReport.objects.order_by(field).values_list("pk", flat=True))
    seen = keys(page)
    for _ in range(3):
        page = client.get(listed + page.context["cl"].older)
        seen += keys(page)
    assert seen == wanted[:400]
    back = client.get(listed + page.context["cl"].newer)
    assert keys(back) == wanted[200:300]
    last = client.get(listed + page.context["cl"].oldest)
    assert keys(last) == wanted[-100:]
    assert last.context["cl"].older is None
    assert keys(client.get(listed + last.context["cl"].newest)) == wanted[:100]


def test_a_rare_status_is_found_in_steps_that_say_how_far_they_looked(reports, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    rare = StatusReport.objects.order_by("reported_at").first()
    StatusReport.objects.filter(pk=rare.pk).update(status="FAULTED")
    listed = reverse("admin:telemetry_statusreport_changelist")
    page = client.get(listed, {"charger__id__exact": reports.pk, "status__exact": "FAULTED"})
    assert keys(page) == []
    assert "20,000 rows were looked through" in page.content.decode()
    page = client.get(listed + page.context["cl"].older)
    assert keys(page) == [rare.pk]


def test_a_day_is_gone_to_and_nonsense_is_not(reports, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    listed = reverse("admin:telemetry_statusreport_changelist")
    page = client.get(listed, {"charger__id__exact": reports.pk, "day": "2026-11-10"})
    assert page.context["cl"].result_list[0].reported_at.isoformat() == "2026-11-10T23:59:00+00:00"
    for nonsense in ({"before": "x"}, {"day": "2026-11-10"}, {"after": "-1"}):
        assert client.get(listed, nonsense).status_code == 302


def test_an_old_row_has_its_page_although_the_list_ends_before_it(reports, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    oldest = StatusReport.objects.earliest("pk")
    assert client.get(reverse("admin:telemetry_statusreport_change", args=[oldest.pk])).status_code == 200


def test_a_filtered_list_counts_no_further_than_it_can_be_paged(reports):
    rows = StatusReport.objects.filter(charger=reports).order_by("pk")
    assert EstimatedPaginator(rows, 100).count == EXACT_UP_TO
    assert EstimatedPaginator(rows.filter(status="FAULTED"), 100).count == 0
    assert EstimatedPaginator(Site.objects.all(), 100).count == 1


@pytest.mark.parametrize("query", ["", "?charger__id__exact={pk}"])
def test_one_page_is_read_from_an_index_without_a_sort(reports, client, query):
    [page] = [sql for sql in changelist_queries(client, query.format(pk=reports.pk)) if sql.endswith("LIMIT 101")]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {page}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index" in plan
    assert "Sort  (" not in plan.replace("Incremental Sort", ""), "all rows are sorted for one page"
    assert "Seq Scan on telemetry_statusreport" not in plan
