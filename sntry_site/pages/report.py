"""The page behind the code at a site: a driver says what is wrong, without an account."""

import hashlib
import logging
from datetime import timedelta

import segno
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.db.models.functions import Length
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from maintenance.models import DriverReport
from maintenance.plain_text import readable
from maintenance.sending import tell_causes
from stations.client_address import counted
from stations.models import Charger, Site
from telemetry.models import ChargerStatus

HOUR = timedelta(hours=1)
PER_ADDRESS = 5  # reports an hour
PER_SITE = 30

logger = logging.getLogger(__name__)


class ChargerChoice(forms.ModelChoiceField):
    """The chargers of a site, each with what it says of itself."""

    def label_from_instance(self, charger: Charger) -> str:
        state = getattr(charger, "state", None)
        return f"{charger} – {ChargerStatus(state.status).label.lower()}" if state else str(charger)


class ReportForm(forms.Form):
    """Three questions, and one that only a machine answers."""

    charger = ChargerChoice(Charger.objects.none(), required=False, empty_label="I do not know, or all of them")
    problem = forms.ChoiceField(choices=DriverReport.Problem, label="What is wrong?")
    text = forms.CharField(max_length=300, required=False, label="Anything else?", widget=forms.Textarea({"rows": 3}))
    website = forms.CharField(required=False, max_length=200)  # nobody sees it; who fills it in is a machine

    def __init__(self, site: Site, *arguments):
        super().__init__(*arguments)
        order = (Length("external_id"), "external_id")
        self.fields["charger"].queryset = site.chargers.select_related("state").order_by(*order)
        self.fields["charger"].label = "Which charger? Its number stands on it."

    def clean_text(self) -> str:
        return readable(self.cleaned_data["text"], 300)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request, external_id: str):
    """Ask what is wrong, and keep the answer with the incident that is open or a new one."""
    site = get_object_or_404(Site, external_id=external_id)
    form = ReportForm(site, request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        if values["website"]:
            return redirect(f"{request.path}?thanks=1")
        if may_report(request, site):
            report = DriverReport.objects.file(
                site, values["charger"], values["problem"], values["text"], timezone.now()
            )
            tell_causes([report.incident_id], anew=report.problem == DriverReport.Problem.DANGER)
            return redirect(f"{request.path}?thanks=1")
        form.add_error(None, "There have been many reports from here. We know of it; please try again in an hour.")
        status = 429
    elif request.method == "POST":
        status = 422
    thanks = request.method != "POST" and "thanks" in request.GET
    return render(request, "report/page.html", {"site": site, "form": form, "thanks": thanks}, status=status)


def may_report(request, site: Site) -> bool:
    """Whether this address, and all together about this site, have reported less often than is plausible."""
    lately = DriverReport.objects.filter(site=site, at__gt=timezone.now() - HOUR)
    if lately.count() >= PER_SITE:
        return False
    told = hashlib.sha256(f"{settings.SECRET_KEY} {counted(request)}".encode()).hexdigest()[:32]
    try:
        cache.add(f"report-{told}", 0, HOUR.total_seconds())
        return cache.incr(f"report-{told}") <= PER_ADDRESS
    except Exception:  # the cache is away: the site's limit, which is in the database, still holds
        logger.warning("reports are not counted by address: the cache does not answer")
        return True


def report_code(request, site: Site) -> dict[str, str]:
    """The address of a site's page for drivers, and its code as a drawing for the site's own page."""
    address = request.build_absolute_uri(reverse("report", args=[site.external_id]))
    drawn = segno.make(address, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff")
    return {"address": address, "drawn": mark_safe(drawn)}  # noqa: S308  (squares and nothing else)
