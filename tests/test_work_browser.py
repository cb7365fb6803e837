"""The technicians' pages in a real Chromium as wide as a phone: one thumb, no network, nothing lost or twice."""

from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image

from maintenance.models import Part, ServiceCentre, Stock, Technician, WorkOrder
from maintenance.models.opening import Wanted
from stations.access import sync_roles
from stations.models import Operator

from . import fleet
from .live_server import elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def order():
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.2, longitude=-97.7)
    user = fleet.person("ada", "technician", operator)
    technician = Technician.objects.create(code="ADA", centre=centre, user=user)
    Stock.objects.create(
        part=Part.objects.create(number="P-1", name="fan and filter"), technician=technician, quantity=2
    )
    here = fleet.site(operator, 1, safety_notes="Traffic behind the posts", access_notes="Gate code at the desk")
    port = fleet.charger(here)
    wanted = Wanted(here.pk, port.pk, "cooling_thermal", "status", None, "out of order", technician_id=technician.pk)
    [order] = WorkOrder.objects.open_orders([wanted], timezone.now())
    return order


@pytest.fixture
def picture(tmp_path):
    drawn = BytesIO()
    Image.new("RGB", (3000, 2000), (20, 90, 60)).save(drawn, "JPEG")
    path = tmp_path / "camera.jpg"
    path.write_bytes(drawn.getvalue())
    return path


def fresh(order) -> WorkOrder:
    def read():
        return WorkOrder.objects.prefetch_related("changes", "photos").get(pk=order.pk)

    return elsewhere(read)


def press(page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).click()


def seen(page, words: str) -> None:
    page.get_by_text(words, exact=False).first.wait_for(timeout=120_000)


def wide_targets(page) -> list[str]:
    """What is too small for a thumb."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".work button, .work a.button, .work label.button, .work select")]
        .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"""
    )


def test_a_day_with_one_thumb_from_accepting_to_done(live_site, order, picture, open_page):
    watched = open_page(live_site, order.technician.user, width=360, height=740, dark=True)
    page = watched.page
    page.goto(live_site.url + "/work/")
    page.get_by_role("link", name=order.number).click()
    for words, following in (("Accept", "Start travel"), ("Start travel", "Arrived"), ("Arrived", "Done")):
        press(page, words)
        page.get_by_role("button", name=following, exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert wide_targets(page) == []
    press(page, "Done")
    seen(page, "Not done yet")
    assert page.locator("#problems li").count() >= 8
    assert page.evaluate("document.activeElement.id") == "problems"
    for box in page.locator(".tick input").all():
        box.check()
    page.wait_for_selector(".checklist:not(:has(li:has(.tick):not([data-done])))")
    for kind in ("before", "after"):
        form = page.locator(f"form[data-photos]:has(input[value={kind}])")
        form.locator("input[type=file]").set_input_files(picture)
        page.locator(f".photos li:has-text('{kind.capitalize()}')").wait_for()
    press(page, "Used")
    seen(page, "1 used")
    page.locator("[name=found_cause]").select_option("cooling_thermal")
    page.locator("[name=action]").select_option("part_swapped")
    page.locator("[name=resolution]").fill("Fan replaced, filter cleaned")
    press(page, "Done")
    seen(page, "It is verified once the charger says")
    done = fresh(order)
    assert (done.state, done.action, done.found_cause) == ("resolved", "part_swapped", "cooling_thermal")
    assert {(photo.width, photo.height) for photo in done.photos.all()} == {(2000, 1333)}, "made small by the phone"
    refusals = [error for error in watched.errors if "422" not in error]
    assert refusals == []


def test_what_is_sent_without_a_network_is_sent_once_when_it_returns(live_site, order, open_page):
    page = open_page(live_site, order.technician.user, width=360, height=740).page
    page.goto(f"{live_site.url}/work/orders/{order.pk}/")
    page.context.set_offline(True)
    press(page, "Accept")
    seen(page, "1 not sent yet")
    press(page, "Accept")  # nothing seemed to happen, so it is pressed again
    assert fresh(order).state == "assigned"
    page.context.set_offline(False)
    page.get_by_role("button", name="Start travel").wait_for(timeout=120_000)
    seen(page, "saved")
    accepted = fresh(order)
    assert accepted.state == "accepted"
    assert [change.new_state for change in accepted.changes.all()].count("accepted") == 1


def test_a_done_without_a_network_is_kept_sent_once_and_its_refusal_told(live_site, order, open_page):
    user = order.technician.user
    elsewhere(bring_to_work, order)
    page = open_page(live_site, user, width=360, height=740).page
    page.goto(f"{live_site.url}/work/orders/{order.pk}/")
    page.context.set_offline(True)
    page.locator("[name=resolution]").fill("Fan replaced, filter cleaned")
    press(page, "Done")
    page.locator("#unsent", has_text="not sent yet").wait_for()
    page.context.set_offline(False)
    seen(page, "was sent late and not taken")
    seen(page, "A photo before the work")
    kept = fresh(order)
    assert (kept.state, kept.resolution) == ("in_progress", "Fan replaced, filter cleaned")


def test_a_server_in_trouble_does_not_take_the_place_of_the_card(live_site, order, open_page):
    page = open_page(live_site, order.technician.user, width=360, height=740).page
    page.goto(f"{live_site.url}/work/orders/{order.pk}/")
    page.route("**/step/", lambda route: route.fulfill(status=503, body="<h1>Bad gateway</h1>"))
    press(page, "Accept")
    seen(page, "1 not sent yet")
    assert page.get_by_text("Bad gateway").count() == 0
    page.unroute("**/step/")
    page.evaluate("Sntry.work.flush()")
    page.get_by_role("button", name="Start travel").wait_for(timeout=120_000)
    assert fresh(order).state == "accepted"


def test_enter_in_a_field_makes_no_step(live_site, order, open_page):
    user = order.technician.user
    elsewhere(bring_to_work, order)
    elsewhere(lambda: order.checklist.create(text="Signal (dBm)", kind="number", required=False, place=9))
    page = open_page(live_site, user, width=360, height=740).page
    page.goto(f"{live_site.url}/work/orders/{order.pk}/")
    page.locator("[name=minutes_work]").fill("25")
    page.locator("[name=minutes_work]").press("Enter")
    page.locator(".measure input").last.fill("-80")
    page.locator(".measure input").last.press("Enter")
    page.locator(".checklist li[data-done]").wait_for()
    assert page.url.endswith(f"/work/orders/{order.pk}/")
    assert fresh(order).state == "in_progress"


def test_what_was_typed_survives_the_death_of_the_page(live_site, order, open_page):
    user = order.technician.user
    elsewhere(bring_to_work, order)
    page = open_page(live_site, user, width=360, height=740).page
    page.goto(f"{live_site.url}/work/orders/{order.pk}/")
    page.context.set_offline(True)
    page.locator("[name=resolution]").fill("Found water in the cabinet")
    page.context.set_offline(False)
    page.reload()
    assert page.locator("[name=resolution]").input_value() == "Found water in the cabinet"


def test_what_is_sent_too_late_is_not_lost_but_told(live_site, order, open_page):
    page = open_page(live_site, order.technician.user, width=360, height=740).page
    page.goto(f"{live_site.url}/work/orders/{order.pk}/")
    page.context.set_offline(True)
    press(page, "Accept")
    seen(page, "1 not sent yet")
    elsewhere(WorkOrder.objects.change, [order.pk], "priority", "urgent", timezone.now(), "sooner")
    page.context.set_offline(False)
    seen(page, "was sent late and not taken")
    seen(page, "has changed meanwhile")
    press(page, "Understood")
    page.locator("#unsent", has_text="saved").wait_for()
    assert fresh(order).state == "assigned"


def bring_to_work(order) -> None:
    for to in ("accepted", "en_route", "in_progress"):
        order.move(to, by=order.technician.user)
