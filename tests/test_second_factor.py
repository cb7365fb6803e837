"""Staff give a code besides the password where that is asked for: on pages, in the admin, by the API and in sockets."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from sntry_site import safety_settings
from stations import second_factor
from stations.access import sync_roles
from stations.models import AuditEntry, Operator

from . import fleet

pytestmark = pytest.mark.django_db
CODE_PAGE = "/login/code/"


@pytest.fixture(autouse=True)
def asked_for(settings):
    settings.STAFF_SECOND_FACTOR = True


@pytest.fixture
def boss():
    return User.objects.create_superuser("boss", password="a long word")


def signed_in(name: str = "boss", path: str = "/login/") -> Client:
    browser = Client()
    browser.post(path, {"username": name, "password": "a long word"})
    return browser


def code_of(device: TOTPDevice, steps: int = 0) -> str:
    """The digits that the app shows now, or some half-minutes later."""
    return f"{totp(device.bin_key, drift=steps):06}"


def set_up(browser: Client) -> tuple[TOTPDevice, list[str]]:
    """Set up an app as a person does; the device, with a code to come, and the codes for paper."""
    browser.get(CODE_PAGE)
    device = TOTPDevice.objects.get(confirmed=False)
    shown = browser.post(CODE_PAGE, {"code": code_of(device, -1), "next": "/admin/"})
    assert shown.status_code == 200, shown.content
    return device, shown.context["codes"]


def test_it_is_on_where_others_reach_the_site_and_off_in_the_demo():
    assert safety_settings.STAFF_SECOND_FACTOR is safety_settings.HTTPS_ONLY is False


def test_everybody_signs_out_outside_of_the_admin():
    assert [reverse("logout"), reverse("admin:logout")] == ["/logout/", "/admin/logout/"]


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_with_the_password_alone_staff_open_nothing_but_the_page_that_asks_for_the_code(boss, path):
    browser = signed_in(path=path)
    for page in ("/", "/admin/", "/admin/auth/user/", "/jobs/", "/reliability/", "/metrics", "/find/?q=EV0"):
        assert browser.get(page).headers["Location"].startswith(f"{CODE_PAGE}?next=%2F")
    part = browser.get("/board/events/", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Refresh"]) == (401, "true")
    api = browser.get("/api/v1/sites/")
    assert api.status_code == 403
    assert "second factor" in api.json()["detail"]
    assert browser.get("/healthz").status_code == browser.get("/drive/").status_code == 200


def test_setting_up_shows_a_key_then_codes_for_paper_once_and_lets_in(boss):
    browser = signed_in()
    page = browser.get(f"{CODE_PAGE}?next=/jobs/")
    assert page.context["key"].replace(" ", "") in page.content.decode().replace(" ", "")
    assert b"data:image/svg+xml" in page.content
    assert page.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    device, codes = set_up(browser)
    assert len(set(codes)) == second_factor.CODES
    assert browser.get("/admin/").status_code == 200
    assert browser.get(CODE_PAGE).headers["Location"] == "/"
    again = signed_in().get(CODE_PAGE)
    assert "key" not in again.context
    assert codes[0] not in again.content.decode()
    told = list(AuditEntry.objects.values_list("action", flat=True)[:3])
    assert "second factor set up" in told
    assert device.key not in str(list(AuditEntry.objects.values()[:9]))


def test_each_session_is_shown_a_key_of_its_own_and_the_one_confirmed_first_alone_counts(boss):
    owner, thief = signed_in(), signed_in()
    keys = {browser.get(CODE_PAGE).context["key"] for browser in (owner, thief, owner, thief)}
    assert len(keys) == 2
    theirs, seen = TOTPDevice.objects.order_by("pk")
    stolen = thief.post(CODE_PAGE, {"code": code_of(theirs)})
    assert stolen.status_code == 422
    assert AuditEntry.objects.filter(action="second factor shown", actor="boss").count() == 2
    assert owner.post(CODE_PAGE, {"code": code_of(theirs)}).status_code == 200
    assert list(TOTPDevice.objects.all()) == [theirs]
    assert thief.post(CODE_PAGE, {"code": code_of(seen)}).status_code == 422
    assert "key" not in thief.get(CODE_PAGE).context
    assert thief.get("/").headers["Location"].startswith(CODE_PAGE)
    assert owner.get("/admin/").status_code == 200


def test_of_two_who_confirm_at_once_one_is_let_in(boss, monkeypatch):
    owner, thief = signed_in(), signed_in()
    owner.get(CODE_PAGE)
    thief.get(CODE_PAGE)
    first, second = TOTPDevice.objects.order_by("pk")
    confirm = second_factor._confirm

    def when_the_other_has(request, device):
        monkeypatch.setattr(second_factor, "_confirm", confirm)
        assert thief.post(CODE_PAGE, {"code": code_of(second)}).status_code == 200
        return confirm(request, device)

    monkeypatch.setattr(second_factor, "_confirm", when_the_other_has)
    assert owner.post(CODE_PAGE, {"code": code_of(first)}).headers["Location"] == f"{CODE_PAGE}?next=%2F"
    assert list(TOTPDevice.objects.filter(confirmed=True)) == [second]
    assert owner.get("/").headers["Location"].startswith(CODE_PAGE)


def test_two_first_looks_at_once_lock_nobody_out(boss):
    browser = signed_in()
    for _ in range(2):  # the second is the one that the session remembers
        TOTPDevice.objects.create(user=boss, confirmed=False, name="app")
    session = browser.session
    session[second_factor.BEGUN] = TOTPDevice.objects.order_by("pk").last().pk
    session.save()
    keys = {browser.get(CODE_PAGE).context["key"] for _ in range(2)}
    assert len(keys) == 1
    device = TOTPDevice.objects.order_by("pk").last()
    assert browser.post(CODE_PAGE, {"code": code_of(device)}).status_code == 200
    assert browser.get("/admin/").status_code == 200


def test_a_code_counts_once_and_another_person_s_not_at_all(boss):
    device, _ = set_up(signed_in())
    code = code_of(device)
    assert signed_in().post(CODE_PAGE, {"code": code}).status_code == 302
    stolen = signed_in()
    assert stolen.post(CODE_PAGE, {"code": code}).status_code == 422
    assert stolen.get("/").headers["Location"].startswith(CODE_PAGE)
    fleet.person("ann", is_superuser=True)
    TOTPDevice.objects.create(user=User.objects.get(username="ann"), name="app")
    other = signed_in("ann")
    assert other.post(CODE_PAGE, {"code": code_of(device, 1)}).status_code == 422


def test_wrong_codes_must_wait_longer_and_longer_and_the_right_one_waits_too(boss):
    device, _ = set_up(signed_in())
    guesser = signed_in()
    assert guesser.post(CODE_PAGE, {"code": "000000"}).status_code == 422
    answer = guesser.post(CODE_PAGE, {"code": code_of(device)})
    assert "Too many wrong codes. Wait" in answer.content.decode()
    TOTPDevice.objects.update(throttling_failure_count=8)
    assert signed_in().post(CODE_PAGE, {"code": code_of(device)}).status_code == 422
    assert AuditEntry.objects.filter(action="second factor failed", actor="boss").exists()


def test_a_recovery_code_lets_in_once(boss):
    _, codes = set_up(signed_in())
    assert signed_in().post(CODE_PAGE, {"code": codes[3].upper()}).status_code == 302
    assert signed_in().post(CODE_PAGE, {"code": codes[3]}).status_code == 422
    assert AuditEntry.objects.filter(action="recovery code used").exists()
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert signed_in().post(CODE_PAGE, {"code": codes[4]}).status_code == 302


def test_nobody_is_led_elsewhere_after_the_code(boss):
    device, _ = set_up(signed_in())
    answer = signed_in().post(CODE_PAGE, {"code": code_of(device), "next": "https://evil.invalid/"})
    assert answer.headers["Location"] == "/"


def test_a_superuser_resets_it_with_a_reason_and_nobody_else_does(boss):
    sync_roles()
    chief = signed_in()
    set_up(chief)
    ann = fleet.person("ann", is_superuser=True)
    theirs = signed_in("ann")
    set_up(theirs)
    wanted = {"action": "reset_second_factor", "_selected_action": [ann.pk], "_confirmed": "1"}
    people = reverse("admin:auth_user_changelist")
    assert b"This field is required" in chief.post(people, wanted).content
    assert TOTPDevice.objects.filter(user=ann).exists()
    assert chief.post(people, {**wanted, "reason": "phone in the lake"}).status_code in (200, 302)
    assert not TOTPDevice.objects.filter(user=ann).exists()
    assert not StaticDevice.objects.filter(user=ann).exists()
    assert theirs.get("/").headers["Location"].startswith("/login/?")
    entry = AuditEntry.objects.get(reason="phone in the lake")
    assert (entry.actor, entry.name) == ("boss", "ann")


def test_people_who_are_no_staff_and_partners_need_none(client, settings):
    operator = Operator.objects.create(name="Volta")
    _, text = fleet.partner(operator)
    answer = client.get("/api/v1/sites/", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200
    User.objects.create_user("tina", password="a long word")
    browser = signed_in("tina")
    assert browser.get(CODE_PAGE).status_code == 403
    assert browser.get("/find/?q=EV0").status_code == 200


def test_a_session_that_was_let_in_is_let_out_when_its_device_goes_or_becomes_another_s(boss):
    browser = signed_in()
    device, _ = set_up(browser)
    assert browser.get("/admin/").status_code == 200
    ann = fleet.person("ann", is_superuser=True)
    TOTPDevice.objects.filter(pk=device.pk).update(user=ann)
    assert browser.get("/admin/").headers["Location"].startswith(CODE_PAGE)


def test_the_keys_of_apps_are_on_no_page_of_the_admin(boss):
    browser = signed_in()
    set_up(browser)
    assert browser.get("/admin/otp_totp/totpdevice/").status_code == 404
    assert browser.get("/admin/otp_static/staticdevice/").status_code == 404
