"""What policies propose, and who decides it."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action

from stations.admin_display import badge_column, moment_column, quantity
from stations.admin_filters import QuestionFilter, operator_filter
from stations.admin_site import BaseAdmin
from stations.bulk_actions import bulk_action

from ..decisions import Refused, approve, reject
from ..models import PriceProposal


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

    list_display = [
        "site",
        "state_badge",
        "new_price",
        "minutes",
        "was",
        "effect",
        "discount",
        "reason",
        "waits",
        "decide",
    ]
    list_display_links = ["site"]
    list_editable = ["new_price", "minutes"]
    list_select_related = ["site__operator", "neighbour", "policy", "decided_by"]
    list_filter = [WaitingFilter, operator_filter("site__operator")]
    search_fields = ["site__name", "site__external_id"]
    list_before_template = "admin/proposals_before.html"
    actions = ["approve_all", "reject_all"]
    actions_submit_line = ["approve_this", "reject_this"]
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

    def get_object(self, request, object_id, from_field=None):
        """Read once a request: the buttons and the page ask for the same one."""
        if not hasattr(request, "proposal"):
            request.proposal = super().get_object(request, object_id, from_field)
        return request.proposal

    def get_actions_submit_line(self, request, object_id):
        """Buttons for what waits only."""
        proposal = self.get_object(request, str(object_id))
        waits = proposal is not None and proposal.state == PriceProposal.State.WAITING
        return super().get_actions_submit_line(request, object_id) if waits else []

    def save_model(self, request, obj, form, change):
        """Keep the edit unless somebody has decided meanwhile."""
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in ("new_price", "minutes")}
        if values and not PriceProposal.objects.waiting().filter(pk=obj.pk).update(**values):
            self.message_user(request, f"{obj.site}: it was decided meanwhile; your edit was not kept.", "WARNING")
        for button in self.get_actions_submit_line(request, obj.pk):  # as the theme does that saves whole rows
            if button.action_name in request.POST:
                button.method(request, obj)

    def changelist_view(self, request, extra_context=None):
        """The list, and what the buttons of its rows send: the whole form, of which the one row counts."""
        if request.method == "POST" and (wanted := request.POST.get("_decide")):
            what, _, key = wanted.partition("-")
            proposal = self.get_object(request, key)
            if proposal is None or not self.has_change_permission(request, proposal):
                raise PermissionDenied("You may not decide this proposal.")
            if what == "reject":
                self._reject(request, [proposal])
            elif self._keep_row(request, proposal):
                self._approve(request, [proposal])
            return redirect(request.get_full_path())
        return super().changelist_view(request, extra_context)

    def _keep_row(self, request, proposal) -> bool:
        """Store price and minutes as they stand in the row that is approved, so that what is seen is what counts."""
        number = next(
            (n for n in range(self.list_per_page) if request.POST.get(f"form-{n}-id") == str(proposal.pk)), None
        )
        if number is None:
            return True
        form_of = self.get_changelist_form(request, fields=self.list_editable)
        form = form_of(request.POST, instance=proposal, prefix=f"form-{number}")
        if form.is_valid():
            self.save_model(request, proposal, form, change=True)
            return True
        for error in (each for errors in form.errors.values() for each in errors):
            self.message_user(request, f"{proposal.site}: {error}", "ERROR")
        return False

    @bulk_action("Approve", "Their prices begin after the notice that their policy gives; drivers pay them.")
    def approve_all(self, request, queryset):
        self._approve(request, queryset)

    @bulk_action("Reject", "Their prices stay as they are; a policy may propose again later.")
    def reject_all(self, request, queryset):
        self._reject(request, queryset)

    def _approve(self, request, queryset) -> None:
        opened = 0
        for proposal in queryset:
            try:
                approve(proposal, request.user, timezone.now())
                opened += 1
            except Refused as error:
                self.message_user(request, f"{proposal.site}: {error}", "WARNING")
        self.message_user(request, f"{opened} approved; they begin after the notice that their policy gives.")

    def _reject(self, request, queryset) -> None:
        self.message_user(request, f"{reject(queryset, request.user, timezone.now())} rejected.")

    @action(description="Save and approve", permissions=["change"])
    def approve_this(self, request, obj):
        self._approve(request, [obj])

    @action(description="Reject", permissions=["change"])
    def reject_this(self, request, obj):
        self._reject(request, [obj])

    @admin.display(description="decision")
    def decide(self, proposal):
        """Buttons of the list's own form, because a link that decides could be followed by accident or by a trick."""
        if proposal.state != PriceProposal.State.WAITING:
            return proposal.decided_by
        return format_html(
            '<span class="decide"><button name="_decide" value="approve-{0}">Approve</button>'
            ' <button name="_decide" value="reject-{0}">Reject</button></span>',
            proposal.pk,
        )

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
