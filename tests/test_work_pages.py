"""The technicians' pages over HTTP: whose orders they show, what each step needs, and that nothing counts twice."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from maintenance.models import Part, RemoteAttempt, RootCauseNote, ServiceCentre, Stock, Technician, WorkOrder
from maintenance.models.checklists import checklist_for
from maintenance.models.opening import Wanted
from stations.access import sync_roles
from stations.models import AuditEntry, Operator
from telemetry.models import StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def operator():
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.fixture
def technician(operator):
    return technician_of("ada", operator)


def technician_of(name: str, operator) -> Technician:
    centre, _ = ServiceCentre.objects.get_or_create(name="Depot", latitude=30.2, longitude=-97.7)
    user = fleet.person(name, "technician", operator)
    return Technician.objects.create(code=name.upper(), centre=centre, user=user)


def order_for(technician, operator, number: int = 1, **fields) -> WorkOrder:
    """An order that the loop has opened for a charger, with its checklist and parts."""
    here = fleet.site(operator, number, **fields)
    port = fleet.charger(here)
    wanted = Wanted(here.pk, port.pk, "cooling_thermal", "status", None, "out of order", technician_id=technician.pk)
    [order] = WorkOrder.objects.open_orders([wanted], timezone.now())
    return order


@pytest.fixture
def order(technician, operator):
    part = Part.objects.create(number="P-1", name="fan and filter")
    Stock.objects.create(part=part, technician=technician, quantity=2)
    return order_for(technician, operator)


@pytest.fixture
def phone(client, technician):
    client.force_login(technician.user)
    return client


def send(phone, order, to: str, **data):
    order.refresh_from_db()
    data = {"to": to, "version": order.version, **data}
    return phone.post(reverse("work-step", args=[order.pk]), data, headers={"HX-Request": "true"})


def picture(width=800, height=600) -> SimpleUploadedFile:
    drawn = BytesIO()
    Image.new("RGB", (width, height), (20, 90, 60)).save(drawn, "JPEG")
    return SimpleUploadedFile("a.jpg", drawn.getvalue(), "image/jpeg")


def bring_to_work(phone, order) -> None:
    for to in ("accepted", "en_route", "in_progress"):
        assert send(phone, order, to).status_code == 200


def do_all_that_is_asked(phone, order) -> None:
    for item in order.checklist.filter(required=True):
        phone.post(reverse("work-item", args=[order.pk, item.pk]), {"answer": "done"})
    for kind in ("before", "after"):
        phone.post(reverse("work-photos", args=[order.pk]), {"kind": kind, "photos": [picture()]})
    for need in order.parts.all():
        phone.post(reverse("work-part", args=[order.pk, need.pk]), {"said": "used"})


REPORT = {"found_cause": "cooling_thermal", "action": "part_swapped", "resolution": "Fan replaced, filter cleaned"}


def test_my_day_has_my_open_orders_with_the_drive_to_each(phone, technician, operator, order):
    other = technician_of("bob", operator)
    foreign = order_for(other, operator, 2)
    page = phone.get(reverse("work-day")).content.decode()
    assert order.number in page
    assert foreign.number not in page
    assert "km" in page
    assert "estimate" in page
    assert phone.get(reverse("work-order", args=[foreign.pk])).status_code == 404
    assert send(phone, foreign, "accepted").status_code == 404


def test_orders_at_sites_of_operators_that_are_not_mine_do_not_exist(phone, technician):
    elsewhere = Operator.objects.create(name="Copperline")
    order = order_for(technician, elsewhere, 3)
    assert order.number not in phone.get(reverse("work-day")).content.decode()
    assert phone.get(reverse("work-order", args=[order.pk])).status_code == 404


def test_these_pages_are_for_technicians_who_are_signed_in(client, operator, order):
    address = reverse("work-day")
    assert client.get(address).status_code == 302
    assert client.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    client.force_login(fleet.person("desk", "ops", operator))
    refused = client.get(address)
    assert refused.status_code == 403
    assert "technician" in refused.content.decode()


def test_who_is_no_staff_but_a_technician_begins_with_the_day(client, technician):
    technician.user.is_staff = False
    technician.user.save()
    client.force_login(technician.user)
    assert client.get(reverse("board")).headers["Location"] == reverse("work-day")
    assert client.get(reverse("work-day")).status_code == 200


def test_the_note_is_told_with_where_it_is_from(phone, order):
    about = {"summary": f"Hot {HOSTILE}", "cause": "cooling_thermal", "safety": "Isolate first", "steps": ["Look"]}
    RootCauseNote.objects.create(incident=order.incident, source="rules", **about)
    page = phone.get(reverse("work-order", args=[order.pk])).content.decode()
    assert "by rule" in page
    assert page.index("Isolate first") < page.index("Hot &lt;img")
    RootCauseNote.objects.create(incident=order.incident, source="gemini", model="m", **about)
    assert "AI draft, unverified" in phone.get(reverse("work-order", args=[order.pk])).content.decode()


def test_what_was_tried_from_afar_is_told(phone, order):
    tried = {"incident": order.incident, "charger": order.charger, "at": timezone.now()}
    RemoteAttempt.objects.create(rung="soft_reset", answer=f"rejected {HOSTILE}", **tried)
    page = phone.get(reverse("work-order", args=[order.pk])).content.decode()
    assert "Soft reset: rejected &lt;img" in page


def test_safety_comes_before_everything_else_and_nothing_written_by_others_becomes_markup(phone, technician, operator):
    order = order_for(technician, operator, 4, name=HOSTILE, safety_notes=f"Traffic {HOSTILE}", access_notes="Gate 4")
    page = phone.get(reverse("work-order", args=[order.pk])).content.decode()
    assert HOSTILE not in page
    assert page.index("Traffic") < page.index("Probably") < page.index("Gate 4")


def test_every_step_is_offered_in_its_turn_up_to_the_closing_gate(phone, order):
    assert "Accept" in phone.get(reverse("work-order", args=[order.pk])).content.decode()
    bring_to_work(phone, order)
    refused = send(phone, order, "resolved")
    page = refused.content.decode()
    assert refused.status_code == 422
    for lacking in ("Checklist:", "A photo before", "A photo after", "fan and filter", "cause", "in words"):
        assert lacking in page, lacking
    do_all_that_is_asked(phone, order)
    assert send(phone, order, "resolved", **REPORT).status_code == 200
    order.refresh_from_db()
    assert (order.state, order.found_cause, order.action) == ("resolved", "cooling_thermal", "part_swapped")
    assert order.minutes_work is not None
    assert Stock.objects.get().quantity == 1


def test_what_was_typed_is_kept_although_the_step_is_refused(phone, order):
    bring_to_work(phone, order)
    assert send(phone, order, "resolved", resolution="Fan was dead", minutes_work="25").status_code == 422
    order.refresh_from_db()
    assert (order.resolution, order.minutes_work) == ("Fan was dead", 25)
    page = phone.get(reverse("work-order", args=[order.pk])).content.decode()
    assert "Fan was dead" in page


def test_a_request_with_a_key_counts_once(phone, order):
    first = send(phone, order, "accepted", key="k1")
    order.refresh_from_db()
    again = phone.post(
        reverse("work-step", args=[order.pk]),
        {"to": "accepted", "version": order.version - 1, "key": "k1"},
        headers={"HX-Request": "true"},
    )
    assert (first.status_code, again.status_code) == (200, 200)
    assert order.changes.filter(new_state="accepted").count() == 1


def test_a_step_that_ended_or_gave_away_the_order_counts_once_too(phone, order, technician):
    bring_to_work(phone, order)
    order.refresh_from_db()
    for _ in range(2):  # the answer to the first was lost
        data = {"note": "the road is flooded", "key": "k2", "version": order.version}
        answer = phone.post(
            reverse("work-step", args=[order.pk]), {"to": "could_not_complete", **data}, headers={"HX-Request": "true"}
        )
        assert answer.status_code == 200
    assert WorkOrder.objects.filter(follows=order).count() == 1


def test_minutes_are_counted_anew_after_a_refused_done(phone, order):
    bring_to_work(phone, order)
    assert send(phone, order, "resolved").status_code == 422
    order.refresh_from_db()
    assert (order.minutes_work, order.minutes_travel) == (None, None)


def test_an_old_report_never_goes_over_newer_words(phone, order):
    bring_to_work(phone, order)
    order.refresh_from_db()
    old = {"to": "on_hold", "hold_reason": "parts", "version": order.version, "resolution": "OLD", "key": "k3"}
    phone.post(reverse("work-step", args=[order.pk]), old)
    assert send(phone, order, "in_progress", resolution="NEW words").status_code == 200
    assert phone.post(reverse("work-step", args=[order.pk]), old, headers={"HX-Request": "true"}).status_code == 200
    stale = {**old, "key": "k4"}
    assert phone.post(reverse("work-step", args=[order.pk]), stale).status_code == 409
    order.refresh_from_db()
    assert order.resolution == "NEW words"


def test_what_proves_the_work_stays_after_it(phone, order):
    bring_to_work(phone, order)
    do_all_that_is_asked(phone, order)
    assert send(phone, order, "resolved", **REPORT).status_code == 200
    photo, item = order.photos.first(), order.checklist.first()
    assert phone.post(reverse("work-photo-remove", args=[photo.pk])).status_code == 409
    assert phone.post(reverse("work-item", args=[order.pk, item.pk]), {}).status_code == 422
    assert phone.post(reverse("work-draft", args=[order.pk]), {"resolution": ""}).status_code == 422
    assert order.photos.count() == 2
    order.refresh_from_db()
    assert order.resolution == REPORT["resolution"]


def test_texts_that_a_database_cannot_keep_are_no_failure_of_the_server(phone, order):
    bring_to_work(phone, order)
    nul = {"resolution": "a\x00b", "note": "\x00", "key": "\x00k", "hold_reason": "parts", "version": "9" * 5000}
    assert phone.post(reverse("work-step", args=[order.pk]), {"to": "on_hold", **nul}).status_code in (409, 422)
    assert phone.post(reverse("work-draft", args=[order.pk]), nul).status_code == 200
    item = order.checklist.create(text="Firmware", kind="text", required=False, place=9)
    assert phone.post(reverse("work-item", args=[order.pk, item.pk]), {"answer": "1\x002"}).status_code == 200
    order.refresh_from_db()
    assert order.resolution == "ab"


def test_the_key_of_a_photo_is_its_orders_own(phone, technician, operator, order):
    second = order_for(technician, operator, 2)
    for each in (order, second):
        bring_to_work(phone, each)
        data = {"kind": "before", "key": "same\x00", "photos": [picture()]}
        assert phone.post(reverse("work-photos", args=[each.pk]), data).status_code == 200
        assert each.photos.count() == 1


def test_safety_stands_first_in_the_checklist_and_before_that_that_it_is_dead():
    assert checklist_for("mechanical")[0][0].startswith("Site is safe")
    assert checklist_for("hv")[0][0].startswith("Switched off")
    assert checklist_for("hv")[1][0].startswith("Site is safe")
    assert checklist_for("")[-1][0].startswith("Test session")


def test_who_comes_second_sees_what_has_changed(phone, order):
    stale = order.version
    WorkOrder.objects.change([order.pk], "priority", "urgent", timezone.now(), "sooner")
    answer = phone.post(reverse("work-step", args=[order.pk]), {"to": "accepted", "version": stale})
    assert answer.status_code == 409
    assert "has changed meanwhile" in answer.content.decode()
    order.refresh_from_db()
    assert order.state == "assigned"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"minutes_work": "-3"}, "Work: minutes"),
        ({"minutes_travel": "nan"}, "Travel: minutes"),
        ({"found_cause": "gremlins"}, "choose one of the list"),
        ({"action": "<script>"}, "choose one of the list"),
        ({"to": "teleported"}, "Choose what happens next"),
        ({"version": "1e9"}, "too old"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_and_changes_nothing(phone, order, data, words):
    bring_to_work(phone, order)
    answer = send(phone, order, **{"to": "on_hold", "hold_reason": "parts", **data})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    order.refresh_from_db()
    assert (order.state, order.found_cause, order.action) == ("in_progress", "", "")


def test_an_order_waits_with_a_reason_and_goes_on(phone, order):
    bring_to_work(phone, order)
    assert send(phone, order, "on_hold", hold_reason="luck").status_code == 422
    assert send(phone, order, "on_hold", hold_reason="parts").status_code == 200
    order.refresh_from_db()
    assert (order.state, order.hold_reason) == ("on_hold", "parts")
    assert send(phone, order, "in_progress").status_code == 200


def test_what_cannot_be_completed_says_why_and_is_followed_by_another_order(phone, order):
    bring_to_work(phone, order)
    assert send(phone, order, "could_not_complete").status_code == 422
    assert send(phone, order, "could_not_complete", note="the road is flooded").status_code == 200
    assert WorkOrder.objects.get(follows=order).state in ("new", "triaged", "assigned")


def test_photos_are_checked_kept_once_and_shown_to_nobody_else(phone, client, technician, operator, order):
    bring_to_work(phone, order)
    address = reverse("work-photos", args=[order.pk])
    for _ in range(2):
        assert phone.post(address, {"kind": "before", "key": "a", "photos": [picture()]}).status_code == 200
    photo = order.photos.get()
    assert (photo.width, photo.height, photo.by) == (800, 600, technician.user)
    shown = phone.get(reverse("work-photo", args=[photo.pk]))
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert Image.open(BytesIO(b"".join(shown.streaming_content))).size == (800, 600)
    bad = phone.post(address, {"kind": "after", "photos": [SimpleUploadedFile("a.jpg", b"<script>"), picture()]})
    assert bad.status_code == 422
    assert "Photo 1: This is not a photo" in bad.content.decode()
    assert order.photos.filter(kind="after").count() == 1, "the other one is kept"
    assert phone.post(address, {"kind": "sideways", "photos": [picture()]}).status_code == 422
    client.force_login(technician_of("bob", operator).user)
    assert client.get(reverse("work-photo", args=[photo.pk])).status_code == 404
    assert client.post(reverse("work-photo-remove", args=[photo.pk])).status_code == 404


def test_a_photo_that_shows_the_wrong_thing_is_taken_away_with_its_file(phone, order):
    bring_to_work(phone, order)
    phone.post(reverse("work-photos", args=[order.pk]), {"kind": "before", "photos": [picture()]})
    photo = order.photos.get()
    storage, name = photo.file.storage, photo.file.name
    assert storage.exists(name)
    assert phone.post(reverse("work-photo-remove", args=[photo.pk])).status_code == 200
    assert not order.photos.exists()
    assert not storage.exists(name)


def of(entry: AuditEntry) -> dict:
    """The id of the request that an entry comes of."""
    return {"request": entry.details["request"]}


def test_what_is_written_ticked_off_and_taken_away_is_in_the_audit_log_once(phone, technician, order):
    bring_to_work(phone, order)
    phone.post(reverse("work-photos", args=[order.pk]), {"kind": "before", "photos": [picture()]})
    since = AuditEntry.objects.first().pk
    name = order.photos.get().file.name
    phone.post(reverse("work-photo-remove", args=[order.photos.get().pk]))
    item = order.checklist.first()
    for _ in range(2):
        phone.post(reverse("work-item", args=[order.pk, item.pk]), {"answer": "done"})
        phone.post(reverse("work-draft", args=[order.pk]), {"resolution": "Fan", "action": "part_swapped"})
    photo, step, report = AuditEntry.objects.filter(pk__gt=since).order_by("pk")
    assert {entry.actor for entry in (photo, step, report)} == {technician.user.username}
    assert {(entry.about, entry.about_id) for entry in (photo, step, report)} == {
        ("maintenance.workorder", str(order.pk))
    }
    assert (photo.action, photo.details) == ("photo removed", {"kind": "before", "file": name} | of(photo))
    answered = {"step": item.text, "answer": ["", "done"]}
    assert (step.action, step.details) == ("checklist answered", answered | of(step))
    written = {"action": ["", "part_swapped"], "resolution": ["", "Fan"]}
    assert (report.action, report.details) == ("report written", {"fields": written} | of(report))


def test_parts_are_used_or_go_back_and_more_are_taken_from_the_van(phone, technician, order):
    bring_to_work(phone, order)
    need = order.parts.get()
    phone.post(reverse("work-part", args=[order.pk, need.pk]), {"said": "back"})
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved) == (2, 0)
    fuse = Part.objects.create(number="P-2", name="fuse")
    address = reverse("work-add-part", args=[order.pk])
    taken = {"part": fuse.pk, "pieces": 2}
    refused = phone.post(address, taken)
    assert refused.status_code == 422
    assert "neither in the van nor" in refused.content.decode()
    for nonsense in ({"part": "x", "pieces": 1}, {"part": fuse.pk, "pieces": 0}, {"part": fuse.pk}):
        assert phone.post(address, nonsense).status_code == 422
    Stock.objects.create(part=fuse, technician=technician, quantity=9)
    for _ in range(2):  # the answer to the first was lost
        assert phone.post(address, taken).status_code == 200
    assert Stock.objects.get(part=fuse).reserved == 2
    assert phone.post(address, {"part": fuse.pk, "pieces": 3}).status_code == 200
    assert Stock.objects.get(part=fuse).reserved == 3


def test_an_order_whose_steps_nobody_kept_is_shown_all_the_same(phone, order):
    order.changes.all().delete()
    assert phone.get(reverse("work-order", args=[order.pk])).status_code == 200


def test_measurements_are_numbers(phone, order):
    bring_to_work(phone, order)
    item = order.checklist.create(text="Insulation (MΩ)", kind="number", required=False, place=9)
    address = reverse("work-item", args=[order.pk, item.pk])
    assert phone.post(address, {"answer": "very good"}).status_code == 422
    assert phone.post(address, {"answer": "5.2"}).status_code == 200
    item.refresh_from_db()
    assert (item.answer, item.done_at is not None) == ("5.2", True)
    phone.post(address, {})
    item.refresh_from_db()
    assert item.done_at is None


def test_the_page_behind_the_code_tells_a_chargers_faults_in_plain_words(phone, order):
    at = timezone.now() - timedelta(minutes=10)
    StatusReport.objects.record([order.charger_id], [at], ["FAULTED"], ["HighTemperature"], [None], ["CX003"])
    page = phone.get(reverse("work-charger", args=[order.charger.external_id])).content.decode()
    assert "The cabinet is too hot" in page
    assert order.number in page
    drawn = phone.get(reverse("work-charger-code", args=[order.charger.external_id]))
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert drawn.content.startswith(b"<?xml")
    assert phone.get(reverse("work-charger", args=["nothing-1"])).status_code == 404


def test_an_order_that_has_ended_cannot_be_changed(phone, order):
    bring_to_work(phone, order)
    send(phone, order, "could_not_complete", note="flooded")
    item = order.checklist.first()
    assert phone.post(reverse("work-item", args=[order.pk, item.pk]), {"answer": "done"}).status_code == 422
    assert phone.post(reverse("work-draft", args=[order.pk]), {"resolution": "later"}).status_code == 422
    assert (
        phone.post(reverse("work-photos", args=[order.pk]), {"kind": "after", "photos": [picture()]}).status_code == 422
    )


def test_a_technician_says_that_an_order_is_the_same_as_another_of_its_site(phone, technician, operator, order):
    other = fleet.work_order(order.site, charger=fleet.charger(order.site, 9), state="triaged", cause="grid_supply")
    elsewhere = order_for(technician, operator, 2)
    page = phone.get(reverse("work-order", args=[order.pk])).content.decode()
    assert f'<option value="{other.pk}">{other.number}' in page
    assert f'<option value="{elsewhere.pk}">' not in page
    for wrong in ("", elsewhere.pk, order.pk, "x", "9" * 30):
        answer = send(phone, order, "duplicate", duplicate_of=wrong)
        assert (answer.status_code, "Choose the other order" in answer.content.decode()) == (422, True)
    assert send(phone, order, "duplicate", duplicate_of=other.pk, note="one broken fuse").status_code == 200
    order.refresh_from_db()
    assert (order.state, order.duplicate_of) == ("duplicate", other)
    step = order.changes.first()
    assert (step.by, step.note) == (technician.user, "one broken fuse")
