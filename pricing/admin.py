"""Pages of what it costs: what policies did, what they propose, the policies themselves, and the switches."""

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html

from stations.admin_display import badge_column, moment_column, quantity, quantity_column
from stations.admin_filters import QuestionFilter, open_filter, operator_filter
from stations.admin_site import BaseAdmin, HistoryAdmin

from .decisions import Refused, approve, end_stop, reject, stop_prices
from .models import PriceChange, PriceProposal, PricingStop, SurgePolicy


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


class WaitingFilter(QuestionFilter):
    """The queue first."""

    title = "decided"
    parameter_name = "decided"
    questions = {"no": "waiting", "yes": "decided"}

    def rows_no(self, queryset):
        return queryset.waiting()

    def rows_yes(self, queryset):
        return queryset.exclude(state=PriceProposal.State.WAITING)


class WaitingForm(forms.ModelForm):
    """Only what waits can be edited in the list: the rest is history."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.disabled = self.instance.state != PriceProposal.State.WAITING


@admin.register(PriceProposal)
class PriceProposalAdmin(BaseAdmin):
    """What waits for somebody; the price and its minutes can be edited, then approved."""

    list_display = ["site", "state_badge", "new_price", "minutes", "was", "effect", "discount", "reason", "waits", "by"]
    list_display_links = ["site"]
    list_editable = ["new_price", "minutes"]
    list_select_related = ["site__operator", "neighbour", "policy", "decided_by"]
    list_filter = [WaitingFilter, operator_filter("site__operator")]
    search_fields = ["site__name", "site__external_id"]
    actions = ["approve_all", "reject_all"]
    fields = [
        ("site", "state_badge", "policy"), ("new_price", "minutes", "was"), "effect", ("discount", "cost"),
        "reason", "inputs", ("created_at", "expires_at"), ("decided_at", "decided_by", "change"),
    ]  # fmt: skip
    state_badge = staticmethod(badge_column("state", "state", PriceProposal.State))
    waits = staticmethod(moment_column("expires_at", "expires"))

    def get_readonly_fields(self, request, obj=None):
        fixed = [
            "site", "state_badge", "policy", "was", "effect", "discount", "cost", "reason", "inputs", "created_at",
            "expires_at", "decided_at", "decided_by", "change",
        ]  # fmt: skip
        return fixed if obj is None or obj.state == PriceProposal.State.WAITING else [*fixed, "new_price", "minutes"]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_changelist_form(self, request, **kwargs):
        return super().get_changelist_form(request, **{**kwargs, "form": WaitingForm})

    def save_model(self, request, obj, form, change):
        """Keep the edit unless somebody has decided meanwhile."""
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in ("new_price", "minutes")}
        if values:
            PriceProposal.objects.waiting().filter(pk=obj.pk).update(**values)

    @admin.action(description="Approve", permissions=["change"])
    def approve_all(self, request, queryset):
        opened = 0
        for proposal in queryset:
            try:
                approve(proposal, request.user, timezone.now())
                opened += 1
            except Refused as error:
                self.message_user(request, f"{proposal.site}: {error}", "WARNING")
        self.message_user(request, f"{opened} approved; they begin after the notice that their policy gives.")

    @admin.action(description="Reject", permissions=["change"])
    def reject_all(self, request, queryset):
        self.message_user(request, f"{reject(queryset, request.user, timezone.now())} rejected.")

    @admin.display(description="base price")
    def was(self, proposal):
        return quantity(proposal.base_price, proposal.site.operator.currency, 2)

    @admin.display(description="expected demand")
    def effect(self, proposal):
        """Over the elasticities of the evidence: an estimate, never a promise."""
        middle, least, most = (f"{100 * share:+.0f} %" for share in proposal.effect)
        return format_html(
            "{} <span class='quiet'>({} to {}, elasticity -0.3; -0.76 to -0.1)</span>", middle, least, most
        )

    @admin.display(description="discount next door")
    def discount(self, proposal):
        if proposal.neighbour is None:
            return "none"
        return format_html("{}: {}", proposal.neighbour, quantity(proposal.neighbour_price, "", 2))

    @admin.display(description="by")
    def by(self, proposal):
        return proposal.decided_by


class SurgePolicyForm(forms.ModelForm):
    """Sites must be the operator's own."""

    def clean(self):
        values = super().clean()
        foreign = [
            site for site in values.get("sites") or () if site.operator_id != getattr(values.get("operator"), "pk", 0)
        ]
        if foreign:
            self.add_error("sites", f"{foreign[0]} belongs to another operator; choose sites of the policy's operator.")
        return values


@admin.register(SurgePolicy)
class SurgePolicyAdmin(BaseAdmin):
    """Editing makes a new version; versions that are not the latest are for the record."""

    form = SurgePolicyForm
    list_display = ["name", "version", "applies_to", "operator", "mode", "trigger", "rise", "less", "since", "until"]
    list_select_related = ["operator"]
    list_filter = [
        open_filter("valid_until", "in force", "for the record"),
        ("applies_to", admin.ChoicesFieldListFilter), ("mode", admin.ChoicesFieldListFilter),
    ]  # fmt: skip
    search_fields = ["name"]
    autocomplete_fields = ["operator", "sites"]
    readonly_fields = ["version"]
    fieldsets = [
        (None, {"fields": [("name", "version"), ("applies_to", "operator"), "sites", ("valid_from", "valid_until"),
                           "mode"]}),
        ("Stress", {"fields": ["trigger", ("heat_on_c", "heat_off_c"), ("derated_on", "derated_off"),
                               ("risk_on", "risk_off")]}),
        ("Prices", {"fields": [("multiplier", "cap_share", "cap_amount"), ("discount", "floor_share", "marginal_cost"),
                               ("discount_budget", "approval_above")]}),
        ("Neighbours", {"fields": [("radius_km", "same_operator", "needs_alternative"),
                                   ("neighbour_below", "neighbour_risk_below", "neighbour_power"),
                                   ("neighbour_rise", "neighbour_full")]}),
        ("Time", {"fields": [("shortest_seconds", "longest_seconds", "cool_down_seconds"),
                             ("changes_per_day", "surge_seconds_per_day", "notice_seconds")]}),
        ("Power", {"fields": [("power_share", "price_after_seconds")]}),
    ]  # fmt: skip
    rise = staticmethod(quantity_column("multiplier", "surge ×", "", 2))
    less = staticmethod(quantity_column("discount", "discount ×", "", 2))
    since = staticmethod(moment_column("valid_from", "from"))
    until = staticmethod(moment_column("valid_until", "until"))

    def has_change_permission(self, request, obj=None):
        """Policies for all are for superusers; what has ended is for the record."""
        if obj is not None and (obj.operator_id is None or obj.valid_until) and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return False

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if not request.user.is_superuser and "operator" in form.base_fields:
            form.base_fields["operator"].required = True
        return form

    def save_model(self, request, obj, form, change):
        if change or SurgePolicy.objects.filter(name=obj.name, operator=obj.operator).exists():
            obj.save_as_new_version(timezone.now())
        else:
            super().save_model(request, obj, form, change)


@admin.register(PricingStop)
class PricingStopAdmin(BaseAdmin):
    """The kill switch: a new row puts all prices of an operator, or of all, back to base at once."""

    list_display = ["what", "why_badge", "note", "since", "until", "by"]
    list_select_related = ["operator", "by"]
    list_filter = [open_filter("ends_at", "in force", "ended"), ("why", admin.ChoicesFieldListFilter)]
    fields = ["operator", "why", "note"]
    autocomplete_fields = ["operator"]
    actions = ["release"]
    why_badge = staticmethod(badge_column("why", "why", PricingStop.Why))
    since = staticmethod(moment_column("starts_at", "since"))
    until = staticmethod(moment_column("ends_at", "until"))

    def has_change_permission(self, request, obj=None):
        """Nobody edits a stop; whoever may change stops may end one of an operator, and superusers any."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if not request.user.is_superuser and "operator" in form.base_fields:
            form.base_fields["operator"].required = True
        return form

    def save_model(self, request, obj, form, change):
        obj.by = request.user
        closed = stop_prices(obj, timezone.now())
        self.message_user(request, f"{len(closed)} price changes were put back to base.")

    @admin.action(description="End the stop, so that policies may act again", permissions=["change"])
    def release(self, request, queryset):
        mine = [stop for stop in queryset if stop.operator_id or request.user.is_superuser]
        for stop in mine:
            end_stop(stop, request.user, timezone.now())
        left = len(queryset) - len(mine)
        rest = f"; {left} of the whole network can be ended by a superuser only" if left else ""
        self.message_user(request, f"{len(mine)} stops ended{rest}.")

    @admin.display(description="where", ordering="operator")
    def what(self, stop):
        return stop.operator or "the whole network"
