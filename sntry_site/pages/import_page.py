"""The page on which staff hand in a file; a worker imports it while the job's page shows how far it is."""

import secrets
from importlib import import_module
from io import BytesIO
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from stations.jobs import enqueue
from stations.models import Operator
from stations.second_factor import is_let_in

LARGEST = 2 * 1024**3
KINDS = {
    "import_readings": "Readings: the 33 columns, one row per site and half-hour",
    "import_status": "Status reports: what each charger said, and when",
    "import_soft_events": "Soft events: retries, reboots and the like, counted per charger and half-hour",
    "import_sessions": "Sessions: one row per charging session",
    "import_orders": "Work orders that were closed, and what the technician found",
}
PLACED = ("import_status", "import_soft_events", "import_orders")  # these name chargers, not where they stand
INITIAL = {"kind": "import_readings", "simulated": True}


class ImportForm(forms.Form):
    """What a file is and how it is to be read."""

    kind = forms.ChoiceField(label="What is in it", choices=KINDS, widget=UnfoldAdminRadioSelectWidget)
    file = forms.FileField(
        # Not a plain one: the admin's script would write the file's name into the next text field of the form.
        widget=UnfoldAdminFileFieldWidget,
        help_text="A .csv or .csv.gz file of up to 2 GB; all of it is loaded, or nothing.",
    )
    skip_bad = forms.BooleanField(
        label="Skip bad rows",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Load the good rows and list the bad ones. Off: one bad row and nothing is loaded.",
    )
    time_zone = forms.CharField(
        label="Time zone of its times",
        widget=UnfoldAdminTextInputWidget(attrs={"list": "time-zones"}),
        help_text="For times that do not say it themselves, for example Europe/Dublin.",
    )
    simulated = forms.BooleanField(
        label="Simulate new operators",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Readings only. The tick goes on making their readings; off: they arrive from outside.",
    )
    operator = forms.ModelChoiceField(
        Operator.objects.none(),
        required=False,
        empty_label="Imported",
        widget=UnfoldAdminSelectWidget,
        help_text="Not for readings and sessions: whose the chargers are that nobody has met before.",
    )
    site = forms.CharField(
        label="Site ID",
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="Not for readings and sessions: where chargers stand that nobody has met; it is made if need be.",
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, initial=INITIAL | {"time_zone": settings.DATA_TIME_ZONE}, **kwargs)
        self.fields["operator"].queryset = Operator.objects.visible_to(user)

    def clean_file(self):
        file = self.cleaned_data["file"]
        if not file.name.lower().endswith((".csv", ".csv.gz")):
            raise forms.ValidationError("Choose a file whose name ends in .csv or .csv.gz.")
        if file.size > LARGEST:
            raise forms.ValidationError(f"The file has {filesizeformat(file.size)}; at most 2 GB are taken.")
        self._refuse_another_kind_of_content(file)
        return file

    @staticmethod
    def _refuse_another_kind_of_content(file) -> None:
        start = file.read(512)
        file.seek(0)
        packed = start.startswith(b"\x1f\x8b")
        if packed != file.name.lower().endswith(".gz"):
            raise forms.ValidationError("Its content is not what its name says: .csv.gz is gzip, .csv is plain text.")
        if not packed and b"\0" in start:
            raise forms.ValidationError("This is not a text file; save it as CSV in UTF-8.")

    def clean_time_zone(self) -> str:
        name = self.cleaned_data["time_zone"]
        if name not in available_timezones():
            raise forms.ValidationError("Not a time zone; write it like Europe/Dublin or UTC.")
        return ZoneInfo(name).key

    def parameters(self) -> dict:
        """The options of the import command, as its job takes them."""
        values = self.cleaned_data
        options = {"skip_bad": values["skip_bad"], "time_zone": values["time_zone"], "file_name": values["file"].name}
        if values["kind"] == "import_readings":
            return {**options, "simulated": values["simulated"]}
        if values["kind"] in PLACED:
            operator = values["operator"]
            return {**options, "operator": operator.name if operator else None, "site": values["site"] or None}
        return options


def may_import(user) -> bool:
    """Whether `user` may hand in files: a file can name any site, so it takes a person who may see all operators."""
    if user.is_superuser or not user.has_perm("stations.add_job"):
        return user.has_perm("stations.add_job")
    return not Operator.objects.exclude(pk__in=Operator.objects.visible_to(user).values("pk")).exists()


def may_upload(scope: dict) -> bool:
    """`may_import` of whoever sends this ASGI request, whose body has not come yet. Without a session: no query."""
    request = ASGIRequest(scope, BytesIO())
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if request.method != "POST" or not session:
        return False
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session)
    user = get_user(request)
    return user.is_active and is_let_in(user, request.session) and may_import(user)


def import_page(request):
    """Take a file from a person who may add jobs, and go on to the page of its job."""
    if not may_import(request.user):
        raise PermissionDenied("Importing needs the role ops and a membership of every operator.")
    form = ImportForm(request.POST or None, request.FILES or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        parameters, file = form.parameters(), form.cleaned_data["file"]
        # A name of our own: what people call their files has no business on our disk.
        file.name = secrets.token_hex(16) + (".csv.gz" if file.name.lower().endswith(".gz") else ".csv")
        job = enqueue(form.cleaned_data["kind"], parameters, created_by=request.user, upload=file)
        return redirect(job)
    context = {**admin.site.each_context(request), "title": "Import a file", "form": form}
    context["time_zones"] = sorted(available_timezones())
    return TemplateResponse(request, "admin/import.html", context)
