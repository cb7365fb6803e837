"""What policies did."""

from django.contrib import admin

from stations.admin_display import badge_column, moment_column, quantity
from stations.admin_filters import QuestionFilter, operator_filter
from stations.admin_site import HistoryAdmin

from ..models import PriceChange


class AppliedFilter(QuestionFilter):
    """Whether the site's price still differs."""

    title = "in force"
    parameter_name = "applied"
    questions = {"yes": "in force", "no": "put back"}

    def rows_yes(self, queryset):
        return queryset.filter(applied=True)

    def rows_no(self, queryset):
        return queryset.filter(applied=False)


@admin.register(PriceChange)
class PriceChangeAdmin(HistoryAdmin):
    list_display = [
        "site",
        "kind_badge",
        "prices",
        "starts",
        "ends",
        "applied",
        "reason",
        "ended_because",
        "policy",
        "by",
    ]
    list_select_related = ["site__operator", "by", "policy"]
    list_filter = [AppliedFilter, ("kind", admin.ChoicesFieldListFilter), operator_filter("site__operator")]
    search_fields = ["site__name", "site__external_id"]
    kind_badge = staticmethod(badge_column("kind", "kind", PriceChange.Kind))
    starts = staticmethod(moment_column("starts_at", "from"))
    ends = staticmethod(moment_column("ends_at", "until"))

    @admin.display(description="price")
    def prices(self, change):
        if change.kind == PriceChange.Kind.LIMIT:
            return quantity(100 * change.power_share, "% of power")
        return quantity(change.new_price, f"{change.site.operator.currency} (was {change.old_price:.2f})", 2)
