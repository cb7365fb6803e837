"""Partners and the keys of their systems: made and revoked here, and nowhere else."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.template.response import TemplateResponse
from django.utils import timezone

from ..admin_display import badge_column, moment_column
from ..admin_filters import QuestionFilter, operator_filter
from ..admin_site import BaseAdmin, ReadOnlyInline
from ..models import Partner, PartnerKey, Scope


class KeyInline(ReadOnlyInline):
    model = PartnerKey
    fields = ["key", "state", "scopes", "expires_at", "last_used_at"]
    readonly_fields = ["key", "state", "last_used_at"]
    state = staticmethod(badge_column("state", "state"))

    @admin.display(description="key")
    def key(self, key):
        return str(key)


@admin.register(Partner)
class PartnerAdmin(BaseAdmin):
    """The companies whose systems call."""

    list_display = ["name", "operator", "contact_email"]
    list_select_related = ["operator"]
    list_filter = [operator_filter("operator")]
    search_fields = ["name", "contact_email"]
    autocomplete_fields = ["operator"]
    inlines = [KeyInline]
    actions = ["cut_off"]

    @admin.action(description="Cut off: revoke keys, switch off webhooks, end OCPI", permissions=["change"])
    def cut_off(self, request, queryset):
        now = timezone.now()
        with transaction.atomic():  # nothing is done that is not in the record
            for partner in queryset:
                partner.cut_off(f"Cut off by {request.user}.", now)
                self.log_change(request, partner, "Cut off: keys, webhooks and OCPI.")
        self.message_user(request, f"{len(queryset)} partners are cut off; nothing is told to them any more.")

    def get_readonly_fields(self, request, obj=None):
        """A partner stays with its operator, because its keys open that one."""
        return ["operator"] if obj else []


class NewKeyForm(forms.ModelForm):
    """Scopes to tick, and an end."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)

    def clean(self):
        """Two keys at once, in words; the partner stays locked until the key is made."""
        cleaned = super().clean()
        if {"partner", "expires_at"} <= cleaned.keys():
            try:
                cleaned["partner"].check_new_key(cleaned["expires_at"])
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned


class WorksFilter(QuestionFilter):
    """The keys that open something."""

    title = "works"
    parameter_name = "works"
    questions = {"yes": "works", "no": "revoked or expired"}

    def rows_yes(self, queryset):
        return queryset.live(timezone.now())

    def rows_no(self, queryset):
        return queryset.exclude(pk__in=queryset.live(timezone.now()).values("pk"))


@admin.register(PartnerKey)
class PartnerKeyAdmin(BaseAdmin):
    """A key is made, shown once, used, and revoked; it is never changed."""

    form = NewKeyForm
    list_display = ["__str__", "state", "partner", "may", "ends", "used", "created_by"]
    list_select_related = ["partner__operator", "created_by"]
    list_filter = [WorksFilter, operator_filter("partner__operator")]
    search_fields = ["prefix", "partner__name"]
    autocomplete_fields = ["partner"]
    actions = ["revoke"]
    state = staticmethod(badge_column("state", "state"))
    ends = staticmethod(moment_column("expires_at", "ends"))
    used = staticmethod(moment_column("last_used_at", "last used"))

    @admin.display(description="may")
    def may(self, key):
        return ", ".join(key.scopes)

    def get_fields(self, request, obj=None):
        made = ["state", "created_at", "created_by", "revoked_at", "last_used_at"]
        return ["partner", "scopes", "expires_at", *(made if obj else [])]

    def get_readonly_fields(self, request, obj=None):
        return self.get_fields(request, obj) if obj else []

    def has_change_permission(self, request, obj=None):
        """Nobody edits a key; whoever may change keys may revoke them."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request, obj=None):
        """A key stays as the record of who could do what."""
        return False

    def save_model(self, request, obj, form, change):
        made, text = obj.partner.issue_key(obj.scopes, obj.expires_at, by=request.user)
        obj.pk, obj.prefix, obj.text = made.pk, made.prefix, text

    def response_add(self, request, obj, post_url_continue=None):
        """The text is on this one answer: not in a message, not in a session, not in a log."""
        context = {**self.admin_site.each_context(request), "title": "The new key", "opts": self.opts, "key": obj}
        answer = TemplateResponse(request, "admin/key_shown_once.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description="Revoke: refuse the key from now on", permissions=["change"])
    def revoke(self, request, queryset):
        now = timezone.now()
        with transaction.atomic():
            for key in queryset.live(now):
                self.log_change(request, key, "Revoked.")
            revoked = queryset.revoke(now)
        self.message_user(request, f"{revoked} keys revoked.")
