"""Files for partners: the quarterly federal reports, sent while they are read, and the dumps of each night."""

from django.db.models import IntegerField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer

from stations.client_address import client_address
from stations.models import AuditEntry, Job, Operator, Scope

from ..exports import dump, ev_chart
from ..exports.streaming import csv_download, file_download
from .access import seen, seen_or_404
from .fields import Moment, Row, Text, Whole, Word, YesNo
from .problems import Problem
from .requests import Endpoint
from .rows import Filter, One, Rows, refuse_parameters
from .sessions import checked

NAME = "^20[0-9]{2}-Q[1-4]$"


class Csv(BaseRenderer):
    """Says that CSV is there for those who ask for that."""

    media_type, format = "text/csv", "csv"


class Zip(BaseRenderer):
    """Says that a ZIP is there for those who ask for that."""

    media_type, format = "application/zip", "zip"


class IsThere(YesNo):
    """Whether a column holds anything."""

    def show(self, value):
        return bool(value)


@extend_schema_field({"type": "string", "pattern": NAME})
class QuarterName(serializers.RegexField):
    """A quarter of the calendar."""

    def __init__(self, **options):
        super().__init__(**{"regex": NAME, "trim_whitespace": False, "max_length": 7, **options})


class ExportRow(Row):
    id = Whole(source="pk")
    until = Text(help_text="The day (UTC) before which it ends.")
    days = Whole(help_text="Whole days (UTC) before that.")
    state = Word(Job.State.choices)
    has_file = IsThere(source="result_file", help_text="Whether it can be fetched: files are cleared away in time.")
    created_at = Moment()
    finished_at = Moment(allow_null=True)


def dumps_of(viewer):
    """The dumps that exist for the viewer."""
    days = Cast(KT("parameters__days"), IntegerField())
    return seen(Job.objects.filter(kind=dump.KIND), viewer).annotate(until=KT("parameters__until"), days=days)


class Exports(Rows):
    """Dumps of the operator's data as Parquet and CSV, one of the day before each night."""

    row = ExportRow
    filters = {"state": Filter("state", Word(Job.State.choices, required=False))}
    scopes, staff = {"GET": Scope.EXPORTS_READ}, {"GET": "telemetry.view_chargingsession"}

    def rows(self, request):
        return dumps_of(request.user)


class OneExport(One):
    """A dump."""

    row, path = ExportRow, "pk"
    scopes, staff = Exports.scopes, Exports.staff

    def rows(self, request):
        return dumps_of(request.user)


class ExportFile(Endpoint):
    """The file of a dump: a ZIP with every table as Parquet and CSV."""

    media, limit_class, renderer_classes = "application/zip", "heavy", [Zip]
    scopes, staff = Exports.scopes, Exports.staff

    def get(self, request, id):
        """The archive; 404 while it is made and once it was cleared away."""
        refuse_parameters(request)
        job = seen_or_404(Job.objects.filter(kind=dump.KIND), request.user, pk=id)
        try:
            file = job.result_file.open("rb")
        except (ValueError, FileNotFoundError):
            raise Problem(404, "This dump has no file: it is not made yet, or was cleared away.") from None
        AuditEntry.objects.note("file fetched", by=request.user, about=job, address=client_address(request))
        return file_download(f"sntry-dump-{job.pk}.zip", file, "application/zip")


class EvChart(Endpoint):
    """A quarterly federal report (EV-ChART module 2, 3 or 4) of the operator."""

    media, limit_class, renderer_classes = "text/csv", "heavy", [Csv]
    scopes, staff = Exports.scopes, Exports.staff
    parameters = {
        "module": Word([("2", "sessions"), ("3", "uptime"), ("4", "outages")]),
        "quarter": QuarterName(help_text="Such as 2026-Q3; it must be over."),
    }

    def get(self, request):
        """CSV with exactly the columns of the module, sent while it is read. 409 while the quarter lasts."""
        values = checked(request, self.parameters)
        try:
            module, quarter = ev_chart.asked_for(values["module"], values["quarter"], timezone.now())
        except ValueError as error:
            raise Problem(409, str(error), [{"path": "/quarter", "message": str(error)}]) from None
        operators = list(seen(Operator, request.user).order_by("pk").values_list("pk", flat=True))
        about = {"module": module, "quarter": str(quarter)}
        AuditEntry.objects.note("exported", by=request.user, address=client_address(request), **about)
        rows = ev_chart.report(module, quarter, operators)
        return csv_download(f"ev-chart-module-{module}-{quarter}.csv", ev_chart.COLUMNS[module], rows)
