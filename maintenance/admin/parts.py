"""Pages of spare parts: the catalogue, what lies where, and how it got there."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F, Sum
from django.utils import timezone

from stations.admin_display import moment_column, quantity
from stations.admin_filters import QuestionFilter
from stations.admin_site import BaseAdmin, HistoryAdmin

from ..models import Part, Stock, StockMovement


@admin.register(Part)
class PartAdmin(BaseAdmin):
    fleet_wide = True
    import_fields = ("number", "name", "unit_cost", "reorder_point")
    import_key = ("number",)
    list_display = ["number", "name", "unit_cost", "reorder_point", "everywhere"]
    search_fields = ["number", "name"]
    fields = [("number", "name"), ("unit_cost", "reorder_point")]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(pieces=Sum("stock__quantity"))

    @admin.display(description="in all places", ordering="pieces")
    def everywhere(self, part):
        return quantity(part.pieces or 0)


class ReorderFilter(QuestionFilter):
    """Where a delivery is needed."""

    title = "delivery"
    parameter_name = "delivery"
    questions = {"needed": "below the reorder point"}

    def rows_needed(self, queryset):
        return queryset.below_reorder_point()


class StockForm(forms.ModelForm):
    """What lies there changes by a movement, so that a row says why."""

    pieces = forms.IntegerField(
        label="Received", required=False, initial=0, help_text="A delivery; negative: what a count found missing."
    )
    note = forms.CharField(label="Why", required=False, max_length=200)

    def clean_pieces(self) -> int:
        pieces, stock = self.cleaned_data["pieces"] or 0, self.instance
        if pieces + stock.quantity < stock.reserved:
            free = stock.quantity - stock.reserved
            raise forms.ValidationError(f"Only {free} pieces are free; the rest is put aside for orders.")
        return pieces


@admin.register(Stock)
class StockAdmin(BaseAdmin):
    fleet_wide = True
    import_fields = ("part", "centre", "technician")
    import_key = ("part", "centre", "technician")
    import_extra = ("quantity",)
    form = StockForm
    list_display = ["part", "place", "quantity", "reserved", "free", "reorder_point"]
    list_select_related = ["part", "centre", "technician"]
    list_filter = [ReorderFilter, "part", "centre"]
    search_fields = ["part__number", "part__name", "centre__name", "technician__code"]
    autocomplete_fields = ["part", "centre", "technician"]
    readonly_fields = ["quantity", "reserved"]
    fields = ["part", ("centre", "technician"), ("quantity", "reserved"), ("pieces", "note")]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if pieces := form.cleaned_data["pieces"]:
            obj.receive(pieces, timezone.now(), request.user, form.cleaned_data["note"])

    def import_check(self, row, extra):
        """A count: what lies there changes by a movement, and not below what is put aside for orders."""
        if not extra["quantity"]:
            return {}
        if not extra["quantity"].isdecimal() or int(extra["quantity"]) > 1_000_000:
            raise ValidationError({"quantity": [f'"{extra["quantity"][:20]}" is no whole number of pieces.']})
        row.pieces = int(extra["quantity"]) - row.instance.quantity
        if int(extra["quantity"]) < row.instance.reserved:
            raise ValidationError({"quantity": [f"{row.instance.reserved} are put aside for orders."]})
        return {"quantity": [str(row.instance.quantity), extra["quantity"]]} if row.pieces else {}

    def import_row(self, row, by, reason):
        if row.is_new:
            super().import_row(row, by, reason)
        if getattr(row, "pieces", 0):
            row.instance.receive(row.pieces, timezone.now(), by, reason[:200])

    @admin.display(description="free", ordering=F("quantity") - F("reserved"))
    def free(self, stock):
        return quantity(stock.quantity - stock.reserved)

    @admin.display(description="reorder below", ordering="part__reorder_point")
    def reorder_point(self, stock):
        return quantity(stock.part.reorder_point)


@admin.register(StockMovement)
class StockMovementAdmin(HistoryAdmin):
    fleet_wide = True
    list_display = ["when", "stock", "kind", "pieces", "order", "by", "note"]
    list_select_related = ["stock__part", "stock__centre", "stock__technician", "order", "by"]
    list_filter = [("kind", admin.ChoicesFieldListFilter)]
    when = staticmethod(moment_column("at", "when"))
