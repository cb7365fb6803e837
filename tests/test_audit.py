"""Who did what and why is kept in rows that nobody can change unseen, and that follow from each other."""

import threading
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from maintenance.models import Incident
from sntry_site import interventions
from stations import audit_chain
from stations.access import sync_roles
from stations.admin.partners import PartnerAdmin
from stations.models import (
    AuditEntry,
    AuditSeal,
    OcpiConnection,
    Operator,
    Partner,
    PartnerKey,
    Webhook,
    WebhookDelivery,
)

from . import fleet

HERE = "192.0.2.9"
AS_AT_COMMIT = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="a long word")


@pytest.fixture
def operator(db):
    return Operator.objects.create(name="Volta", is_simulated=True)


@pytest.fixture
def chain(db):
    """A chain of three entries, whatever the tests before have left; tampering in it is undone with the test."""
    with connection.cursor() as cursor:
        for table in ("stations_auditentry", "stations_auditseal"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER; DELETE FROM {table}")  # noqa: S608
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    entries = [AuditEntry.objects.note("changed", name=f"row {number}", reason='süß \\ "x"') for number in range(3)]
    seal()
    return entries


def seal() -> None:
    """What the commit would do."""
    with connection.cursor() as cursor:
        cursor.execute(AS_AT_COMMIT)


def tamper(statement: str) -> None:
    """What the owner of the database can do who knows about the triggers."""
    with connection.cursor() as cursor:
        for table in ("stations_auditentry", "stations_auditseal"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for table in ("stations_auditentry", "stations_auditseal"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def told(since: int = 0) -> list[tuple]:
    rows = AuditEntry.objects.filter(pk__gt=since).order_by("pk")
    return list(rows.values_list("actor", "action", "reason"))


def last() -> AuditEntry:
    return AuditEntry.objects.first()


@pytest.mark.parametrize("table", ["stations_auditentry", "stations_auditseal"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"],
)
def test_the_database_refuses_to_change_or_remove_what_was_written(chain, table, statement):
    key = {"stations_auditentry": "id", "stations_auditseal": "position"}[table]
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, key, key))
    assert audit_chain.walk().entries == 3


def test_an_untouched_chain_holds_and_gives_its_head(chain):
    found = audit_chain.walk()
    assert found == (3, AuditSeal.objects.order_by("position").last().digest, "")
    said = StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue() == f"3 entries, each follows the one before it. Head: {found.head}\n"


@pytest.mark.parametrize(
    ("statement", "which", "said"),
    [
        ("UPDATE stations_auditentry SET actor = 'eve' WHERE id = {1}", 1, "at place 2 its words are not those"),
        ("UPDATE stations_auditentry SET at = at + interval '1 us' WHERE id = {0}", 0, "its words are not those"),
        ("UPDATE stations_auditentry SET details = '{{\"a\": 1}}' WHERE id = {2}", 2, "its words are not those"),
        ("DELETE FROM stations_auditentry WHERE id = {1}", 1, "it is gone, though place 2"),
        ("DELETE FROM stations_auditseal WHERE entry_id = {1}", 2, "its place is 3 where 2 is due; 1 before it"),
        ("DELETE FROM stations_auditseal WHERE entry_id = {2}", 2, "it has no place in the chain"),
        ("UPDATE stations_auditseal SET previous = repeat('f', 64) WHERE entry_id = {1}", 1, "does not follow"),
        ("UPDATE stations_auditseal SET entry_id = CASE entry_id WHEN {0} THEN -1 ELSE entry_id END", 0, "is gone"),
    ],
)
def test_the_first_row_that_somebody_touched_is_named(chain, statement, which, said):
    ids = [entry.pk for entry in chain]
    tamper(statement.format(*ids))
    broken = audit_chain.walk().broken
    assert said in broken
    if which or "UPDATE stations_auditseal SET entry" not in statement:
        assert broken.startswith(f"Entry {ids[which]}:")
    with pytest.raises(CommandError, match="The audit log is broken after"):
        call_command("verify_audit")


def test_a_tail_that_was_cut_off_is_seen_by_whoever_noted_the_head(chain):
    head = audit_chain.walk().head
    tamper("DELETE FROM stations_auditseal WHERE position = 3")
    tamper("DELETE FROM stations_auditentry WHERE id = (SELECT max(id) FROM stations_auditentry)")
    assert not audit_chain.walk().broken
    assert head in audit_chain.walk(head).broken


def test_a_guard_that_is_switched_off_is_missed(chain):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE stations_auditentry DISABLE TRIGGER audit_kept")
        assert "1 of the 5 triggers" in audit_chain.walk().broken
        cursor.execute("ALTER TABLE stations_auditentry ENABLE TRIGGER audit_kept")


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain_and_what_is_rolled_back_leaves_no_gap():
    before = audit_chain.walk()

    def write(number: int) -> None:
        for step in range(10):
            try:
                with transaction.atomic():
                    AuditEntry.objects.note("changed", name=f"{number}.{step}")
                    AuditEntry.objects.note("changed", name=f"{number}.{step} too")
                    if step % 3 == 0:
                        raise InterruptedError
            except InterruptedError:
                pass
        connection.close()

    writers = [threading.Thread(target=write, args=[number]) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    after = audit_chain.walk(before.head if before.entries else "")
    assert not after.broken
    assert after.entries == before.entries + 6 * 6 * 2


@pytest.mark.django_db(transaction=True)
def test_who_holds_a_row_and_who_refers_to_it_do_not_wait_for_each_other_at_the_commit(operator):
    partner = Partner.objects.create(operator=operator, name="Maps")
    is_held, is_named, problems = threading.Event(), threading.Event(), []

    def hold() -> None:  # a key is made in the admin
        partner.check_new_key(timezone.now() + timedelta(days=9))
        AuditEntry.objects.note("changed", about=partner)
        is_held.set()
        is_named.wait(60)
        time.sleep(0.2)  # until the other has sealed its entry

    def refer() -> None:
        AuditEntry.objects.note("changed", name="another row")
        is_held.wait(60)
        Webhook.objects.create(partner=partner, url="https://example.com/", events=["incident.opened"])
        is_named.set()

    def work(doing) -> None:
        try:
            with transaction.atomic():
                doing()
        except DatabaseError as error:
            problems.append(str(error))
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[doing]) for doing in (hold, refer)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert problems == []


def test_the_role_of_web_processes_can_add_and_read_and_nothing_else(chain):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE sntry_web_of_test")
        call_command("audit_grants", "sntry_web_of_test", "--apply")
        cursor.execute("SET ROLE sntry_web_of_test")
        AuditEntry.objects.note("changed", name="row 3")
        seal()
        call_command("audit_grants", "--check")
        for statement in ("UPDATE stations_auditentry SET actor = ''", "DELETE FROM stations_auditseal",
                          "TRUNCATE stations_auditentry", "INSERT INTO stations_auditseal VALUES (9, 9, '', '')",
                          "ALTER TABLE stations_auditentry DISABLE TRIGGER USER"):  # fmt: skip
            with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("RESET ROLE")
    assert audit_chain.walk()[::2] == (4, "")
    with pytest.raises(CommandError, match=r"stations_auditentry: UPDATE"):
        call_command("audit_grants", "--check")


def test_the_grants_are_printed_with_the_role_as_a_quoted_name(db):
    said = StringIO()
    call_command("audit_grants", 'web"; DROP', stdout=said)
    assert 'FROM "web""; DROP";' in said.getvalue()


def sign_in(password: str) -> Client:
    browser = Client()
    browser.post("/login/", {"username": "boss", "password": password}, REMOTE_ADDR=HERE)
    return browser


def test_log_ins_failures_and_the_lock_are_told_with_the_address_and_without_passwords(boss):
    since = last().pk if last() else 0
    sign_in("a long word").post("/logout/", REMOTE_ADDR=HERE)
    for _ in range(7):
        sign_in("a wrong one")
    actions = [action for _, action, _ in told(since)]
    assert actions == ["logged in", "logged out", *["log-in failed"] * 4, "locked out"]
    rows = AuditEntry.objects.filter(pk__gt=since)
    assert set(rows.values_list("address", flat=True)) == {HERE}
    assert set(rows.filter(kind="").values_list("name", flat=True)) == {"boss"}
    assert "a wrong one" not in str(list(rows.values()))


def test_what_is_done_in_the_admin_is_told_with_its_reason_and_values(boss, operator, client):
    client.force_login(boss)
    ann = fleet.person("ann")
    here = fleet.site(operator, 1)
    change = reverse("admin:auth_user_change", args=[ann.pk])
    page = client.get(change).context["adminform"].form
    values = {name: value for name, value in page.initial.items() if value not in (None, False)}
    values |= {"is_superuser": "on", "change_reason": "she runs it now", "memberships-TOTAL_FORMS": 0,
               "memberships-INITIAL_FORMS": 0, "date_joined_0": "2026-11-21", "date_joined_1": "10:00:00"}  # fmt: skip
    values = {name: value for name, value in values.items() if not isinstance(value, list)}
    client.post(change, values)
    entry = last()
    assert (entry.actor, entry.action, entry.about, entry.name) == ("boss", "changed", "auth.user", "ann")
    assert entry.reason == "she runs it now"
    assert "is_superuser" in str(entry.details)
    client.post(reverse("admin:stations_site_delete", args=[here.pk]), {"post": "yes"})
    assert (last().action, last().about_id) == ("deleted", str(here.pk))


def test_keys_that_are_made_and_revoked_are_told_and_their_text_is_not(boss, operator, client):
    client.force_login(boss)
    key, text = fleet.partner(operator)
    client.post(reverse("admin:stations_partnerkey_changelist"), {"action": "revoke", "_selected_action": [key.pk]})
    assert (last().actor, last().about, last().name) == ("boss", "stations.partnerkey", str(key))
    assert "Revoked" in str(last().details)
    wanted = {"partner": key.partner_id, "scopes": ["sites:read"], "expires_at_0": f"{timezone.now():%Y-%m-%d}",
              "expires_at_1": "23:59:59"}  # fmt: skip
    client.post(reverse("admin:stations_partnerkey_add"), wanted)
    made = PartnerKey.objects.first()
    assert made.pk != key.pk
    assert (last().action, last().about_id) == ("added", str(made.pk))
    assert made.secret_hash not in str(list(AuditEntry.objects.values())[:5])
    assert text.rsplit("_", 1)[1] not in str(list(AuditEntry.objects.values())[:5])


def test_what_staff_do_to_webhooks_and_connections_is_told_and_their_secrets_are_not(boss, operator, client):
    client.force_login(boss)
    partner = Partner.objects.create(operator=operator, name="Maps")
    hook = Webhook(partner=partner, url="https://example.com/", events=["incident.opened"])
    hook.renew_secret()
    hook.save()
    other = OcpiConnection(partner=partner, country_code="DE", party_id="MAP")
    other.new_token()
    other.save()
    since = last().pk if last() else 0
    for row, work in ((hook, "switch_off"), (hook, "switch_on"), (hook, "new_secret"), (other, "invite_again")):
        page = reverse(f"admin:stations_{row._meta.model_name}_changelist")
        client.post(page, {"action": work, "_selected_action": [row.pk]})
    rows = AuditEntry.objects.filter(pk__gt=since).order_by("pk")
    wanted = ["Switched off.", "Switched on.", "Another secret.", "Registration ended; another first token."]
    assert [str(row.details["message"][0]) for row in rows] == wanted
    hook.refresh_from_db()
    assert hook.secret not in str(list(rows.values()))


def test_nobody_is_cut_off_whose_cutting_off_cannot_be_told(boss, operator, client, monkeypatch):
    client.force_login(boss)
    key, _ = fleet.partner(operator)

    def broken(*_):
        raise InterruptedError

    monkeypatch.setattr(PartnerAdmin, "log_change", broken)
    wanted = {"action": "cut_off", "_selected_action": [key.partner_id]}
    with pytest.raises(InterruptedError):
        client.post(reverse("admin:stations_partner_changelist"), wanted)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_messages_that_staff_have_sent_or_sent_again_are_told_with_their_webhook(boss, operator, client):
    client.force_login(boss)
    partner = fleet.partner(operator)[0].partner
    hook, off = (fleet.webhook(partner, url=f"https://example.com/{number}") for number in (1, 2))
    off.switch_off("for now", timezone.now())
    since = last().pk if last() else 0
    client.post(reverse("admin:stations_webhook_changelist"), {"action": "test", "_selected_action": [hook.pk, off.pk]})
    first = WebhookDelivery.objects.get()
    second, silent = (
        WebhookDelivery.objects.create(webhook=each, key="a", event="risk.level", payload={}) for each in (hook, off)
    )
    page = reverse("admin:stations_webhookdelivery_changelist")
    client.post(page, {"action": "replay", "_selected_action": [first.pk, second.pk, silent.pk]})
    rows = AuditEntry.objects.filter(pk__gt=since).order_by("pk")
    assert {(row.actor, row.about, row.about_id) for row in rows} == {("boss", "stations.webhook", str(hook.pk))}
    wanted = ["A test sent.", f"2 messages sent again: {first.pk}, {second.pk}."]
    assert [str(row.details["message"][0]) for row in rows] == wanted


def test_stress_heal_orders_and_incidents_by_hand_are_told_and_the_loop_s_are_not(boss, operator):
    here = fleet.live_site(operator, 1)
    now, since = timezone.now(), last().pk if last() else 0
    interventions.stress_site(here, boss, now)
    order = interventions.dispatch_site(here, boss, now)
    interventions.heal_site(here, boss, now)
    Incident.objects.close([order.incident_id], now, "seen to", boss)
    Incident.objects.close([fleet.work_order(fleet.site(operator, 2)).incident_id], now, "by the loop")
    actions = [(actor, action) for actor, action, _ in told(since)]
    assert {actor for actor, _ in actions} == {"boss"}
    kinds = {action for _, action in actions}
    assert {"fleet STRESSED", "fleet HEALED", "incident closed"} <= kinds
    assert any(kind.startswith("order ") for kind in kinds)
    assert AuditEntry.objects.filter(reason="by the loop").count() == 0


@pytest.mark.django_db(transaction=True)
def test_entries_say_from_where_and_by_which_request_and_those_of_no_request_do_not():
    before = audit_chain.walk()
    operator, browser = Operator.objects.create(name="Volta"), Client(REMOTE_ADDR=HERE)
    here = fleet.site(operator, 1)
    User.objects.create_superuser("boss", password="a long word")
    since, asked = last().pk if last() else 0, {"X-Request-ID": "of-this-very-test"}
    browser.post("/login/", {"username": "boss", "password": "a long word"}, headers=asked)  # no transaction of its own
    browser.post(reverse("admin:stations_site_delete", args=[here.pk]), {"post": "yes"}, headers=asked)
    browser.post(reverse("admin:telemetry_modelversion_retrain"), headers=asked)
    entries = AuditEntry.objects.filter(pk__gt=since)
    assert {entry.action.split()[0] for entry in entries} == {"logged", "deleted", "job"}
    assert {(entry.address, entry.details["request"]) for entry in entries} == {(HERE, "of-this-very-test")}
    AuditEntry.objects.note("changed", name="by the loop")
    assert (last().address, last().details) == ("", {})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('sntry.address', %s, true)", [HERE])
        AuditEntry.objects.note("changed", address="192.0.2.1")
    assert last().address == "192.0.2.1", "an address that is said stays"
    after = audit_chain.walk(before.head if before.entries else "")
    assert (after.broken, after.entries) == ("", before.entries + 5)


def test_a_request_that_changes_nothing_asks_the_database_for_nothing_more(db, client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/login/")


def test_a_price_that_somebody_approved_is_told_in_the_transaction_of_the_change(boss, operator):
    here, since = fleet.site(operator, 1), last().pk if last() else 0
    with transaction.atomic():
        fleet.price_change(here, by=boss)
        transaction.set_rollback(True)
    assert told(since) == []
    fleet.price_change(here, by=boss)
    [entry] = AuditEntry.objects.filter(pk__gt=since)
    assert entry.action.startswith("price ")
    assert {"old_price", "new_price"} <= entry.details.keys()


def test_calls_of_a_partner_s_key_that_change_something_are_told_and_readings_are_not(db, client):
    operator = Operator.objects.create(name="Northline")
    here = fleet.site(operator, 1)
    key, text = fleet.partner(operator)
    headers = {"Authorization": f"Bearer {text}"}
    asked = {"site": here.external_id, "problem": "screen", "text": "lamp\nout"}
    answer = client.post("/api/v1/incidents/", asked, "application/json", headers=headers)
    assert answer.status_code == 201, answer.content
    entry = last()
    assert (entry.kind, entry.actor_id, entry.action, entry.name) == ("key", key.pk, "API POST", "/api/v1/incidents/")
    assert "lamp" in entry.details["sent"]
    assert "\n" not in entry.details["sent"]
    row = {"charger": fleet.charger(here).external_id, "status": "AVAILABLE", "reported_at": timezone.now().isoformat()}
    sent = client.post("/api/v1/telemetry/status/", {"rows": [row]}, "application/json", headers=headers)
    assert sent.status_code == 202, sent.content
    assert last() == entry


def test_files_that_leave_are_told(boss, operator, client):
    client.force_login(boss)
    fleet.site(operator, 1)
    client.get(reverse("admin:stations_site_export"), {"format": "csv", "columns": "all"})
    assert (last().actor, last().action, last().name) == ("boss", "exported", "stations.site")


def test_the_list_is_for_superusers_and_can_be_asked_and_taken_away(boss, operator, client):
    sync_roles()
    AuditEntry.objects.note("logged in", by=boss, address=HERE)
    AuditEntry.objects.note("added", by=boss, name="<b>bold</b>", reason="=1+1")
    client.force_login(boss)
    page = client.get(reverse("admin:stations_auditentry_changelist"), {"doing": "admin"}).content.decode()
    assert "&lt;b&gt;bold" in page
    assert HERE not in page
    file = client.get(reverse("admin:stations_auditentry_export"), {"format": "csv", "columns": "shown"})
    assert "'=1+1" in file.content.decode()
    assert client.get(reverse("admin:stations_auditentry_change", args=[last().pk])).status_code == 200
    assert client.get(reverse("admin:stations_auditentry_add")).status_code == 403
    client.force_login(fleet.person("otto", "ops", operator))
    assert client.get(reverse("admin:stations_auditentry_changelist")).status_code == 403
