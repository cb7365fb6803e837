"""The second factor of staff: a code of an app on their phone besides the password, or one of the codes on paper."""

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import DEVICE_ID_SESSION_KEY, devices_for_user
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from .client_address import client_address
from .models import AuditEntry

BEGUN = "second-factor-begun"  # in a session: the device whose key it was shown
CODES = 10  # on paper, each for one log-in
# What a member of staff who has given the password alone may open: the way to the code, and what is for everybody.
OPEN = {
    "login", "logout", "second-factor", "healthz", "readyz", "drive", "drive-data", "drive-prices", "drive-route",
    "drive-map", "report", "policy-reports",
}  # fmt: skip
WRONG = "That code is wrong, or was used already. A code counts for half a minute, once."


def is_let_in(user, session) -> bool:
    """Whether `user` needs no second factor, or has given it in this session. Reads the database."""
    if not (settings.STAFF_SECOND_FACTOR and user.is_authenticated and (user.is_staff or user.is_superuser)):
        return True
    given = session.get(DEVICE_ID_SESSION_KEY)
    device = Device.from_persistent_id(given) if given else None
    return device is not None and device.user_id == user.pk and device.confirmed


class SecondFactor:
    """Lets staff who owe their code go nowhere but to the page that asks for it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, arguments, named):
        """Stop a request that needs the code first; costs nothing where the setting is off or nobody is signed in."""
        if not settings.STAFF_SECOND_FACTOR or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        if request.resolver_match.view_name in OPEN or is_let_in(request.user, request.session):
            return None
        if request.path.startswith("/api/"):
            told = "Your account needs a second factor, and this session has not given it."
            return JsonResponse({"title": "Not allowed", "status": 403, "detail": told}, status=403)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return redirect(f"{reverse('second-factor')}?{urlencode({'next': request.get_full_path()})}")


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
@login_required
def second_factor_page(request):
    """Asks for the code; who has no app yet gets its key here, and then the codes for paper, once."""
    user = request.user
    if not (user.is_staff or user.is_superuser):
        raise PermissionDenied("Second factors are for staff; your account needs none.")
    known = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    onward = _onward(request)
    if known and is_let_in(user, request.session) and settings.STAFF_SECOND_FACTOR:
        return redirect(onward)
    device = known or _new_device(request)
    said = _check(request, device, is_new=known is None) if request.method == "POST" else ""
    if request.method == "POST" and not said:
        return _let_in(request, device, is_new=known is None, onward=onward)
    context = {"said": said, "next": onward, "is_new": known is None}
    if known is None:
        context |= {"picture": segno.make(device.config_url).svg_data_uri(scale=4, light="#fff"), "key": _key(device)}
    return render(request, "second-factor.html", context, status=200 if not said else 422)


def _new_device(request) -> TOTPDevice:
    """The device that this session is about to set up; the same again until it is, so that the picture stays true.

    Other sessions get other keys, because whoever has seen a key can make its codes for ever.
    """
    begun = request.session.get(BEGUN)
    device = TOTPDevice.objects.filter(pk=begun, user=request.user, confirmed=False).first() if begun else None
    if device is None:
        with transaction.atomic():
            device = TOTPDevice.objects.create(user=request.user, confirmed=False, name="app")
            AuditEntry.objects.note("second factor shown", by=request.user, address=client_address(request))
        request.session[BEGUN] = device.pk
    return device


def _check(request, device: TOTPDevice, is_new: bool) -> str:
    """Verify the code that was sent; '' if it is right, else what to tell."""
    code = "".join(request.POST.get("code", "").split()).replace("-", "").lower()[:16]
    is_paper = not is_new and not (code.isascii() and code.isdigit())
    with transaction.atomic():
        chosen = StaticDevice.objects.filter(user=request.user) if is_paper else TOTPDevice.objects.filter(pk=device.pk)
        one = chosen.select_for_update().first()
        allowed, why = one.verify_is_allowed() if one else (True, None)
        if not allowed:
            return _wait(why)
        if one is not None and one.verify_token(code):
            request.second_factor = one
            return ""
        AuditEntry.objects.note("second factor failed", by=request.user, address=client_address(request))
    return WRONG


def _wait(why: dict) -> str:
    left = max(1, int((why["locked_until"] - timezone.now()).total_seconds()) + 1)
    return f"Too many wrong codes. Wait {left} s; the next wrong one makes it longer."


def _let_in(request, device: TOTPDevice, is_new: bool, onward: str) -> HttpResponse:
    if is_new and (codes := _confirm(request, device)) is None:
        # Another session was first, and its device counts.
        return redirect(f"{reverse('second-factor')}?{urlencode({'next': onward})}")
    request.session.cycle_key()
    used = request.second_factor
    request.session[DEVICE_ID_SESSION_KEY] = used.persistent_id
    if is_new:
        return render(request, "second-factor-codes.html", {"codes": codes, "next": onward})
    kind = "recovery code used" if isinstance(used, StaticDevice) else "second factor given"
    AuditEntry.objects.note(kind, by=request.user, address=client_address(request))
    return redirect(onward)


@transaction.atomic
def _confirm(request, device: TOTPDevice) -> list[str] | None:
    """Let `device` count, and no other that was begun: the codes for paper; None if another has come to count first."""
    User.objects.select_for_update(no_key=True).get(pk=request.user.pk)
    if not TOTPDevice.objects.filter(pk=device.pk, confirmed=False).update(confirmed=True):
        return None
    TOTPDevice.objects.filter(user=request.user, confirmed=False).delete()
    request.session.pop(BEGUN, None)
    AuditEntry.objects.note("second factor set up", by=request.user, address=client_address(request))
    return _paper(request.user)


def _paper(user) -> list[str]:
    """New codes for paper in place of the former ones."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="paper")
    made = [device.token_set.model.random_token() + device.token_set.model.random_token() for _ in range(CODES)]
    device.token_set.bulk_create(device.token_set.model(device=device, token=code) for code in made)
    return [f"{code[:4]}-{code[4:8]}-{code[8:12]}-{code[12:]}" for code in made]


def reset(user) -> None:
    """Take the factor from somebody who has lost it; the next log-in sets up another. Who asked notes why."""
    for device in [*devices_for_user(user, confirmed=None)]:
        device.delete()


def _key(device: TOTPDevice) -> str:
    key = device.config_url.partition("secret=")[2].partition("&")[0]
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


def _onward(request) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else reverse("board")
