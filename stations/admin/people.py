"""People, their roles, and the operators for which they work."""

from axes.models import AccessAttempt
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from ..admin_display import moment_column
from ..admin_filters import operator_filter
from ..admin_site import BaseAdmin, BaseInline
from ..bulk_actions import bulk_action
from ..models import Membership
from ..revocation import end_sessions, rights_changed
from ..second_factor import reset

admin.site.unregister([User, Group])
admin.site.unregister([TOTPDevice, StaticDevice])  # their pages would show keys


class MustSayWhy(forms.Form):
    """Why somebody's access is changed: kept in the audit log."""

    reason = forms.CharField(
        label="Why", max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Kept in the audit log."
    )


class RightsAdmin(BaseAdmin):
    """Rows on which rights hang: a change reaches open pages at once."""

    def log_addition(self, request, obj, message):
        rights_changed(self.concerned([obj]))
        return super().log_addition(request, obj, message)

    def log_change(self, request, obj, message):
        rights_changed(self.concerned([obj]))
        return super().log_change(request, obj, message)

    def log_deletions(self, request, queryset):
        rights_changed(self.concerned(queryset))
        return super().log_deletions(request, queryset)

    def get_actions(self, request):
        """Deleting from the list is one transaction, because Django notes it, and we tell it, before it is done."""
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            work, *words = actions["delete_selected"]
            actions["delete_selected"] = (transaction.atomic(work), *words)
        return actions

    def concerned(self, rows) -> list[int] | None:
        """Ids of the people whom these rows concern; None: everybody."""
        return None


class MembershipInline(BaseInline):
    model = Membership
    operator_path = "operator"
    autocomplete_fields = ["operator"]
    show_change_link = False


@admin.register(User)
class SiteUserAdmin(UserAdmin, RightsAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_staff", "is_superuser", "is_active", "roles", "seen"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    fleet_wide = True
    inlines = [MembershipInline]
    actions = ["sign_out", "reset_second_factor"]
    seen = staticmethod(moment_column("last_login", "last login"))

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def concerned(self, rows):
        return [row.pk for row in rows]

    @bulk_action("Sign out everywhere", "All their sessions end, and what they have open closes.", form=MustSayWhy)
    def sign_out(self, request, queryset, reason):
        people = list(queryset)
        with transaction.atomic():
            ended = end_sessions(person.pk for person in people)
            self._tell(request, people, "Signed out everywhere.", reason)
        self.message_user(request, f"{ended} sessions ended.")

    @bulk_action(
        "Reset the second factor",
        "Their app and recovery codes count no more, and their sessions end; at the next log-in they set up another.",
        form=MustSayWhy,
    )
    def reset_second_factor(self, request, queryset, reason):
        if not request.user.is_superuser:
            self.message_user(request, "Only a superuser resets a second factor.", messages.ERROR)
            return
        people = list(queryset)
        with transaction.atomic():
            for person in people:
                reset(person)
            end_sessions(person.pk for person in people)
            self._tell(request, people, "Second factor reset.", reason)
        self.message_user(request, f"{len(people)} second factors were reset.")

    def _tell(self, request, people, what: str, reason: str) -> None:
        for person in people:
            self.log_change(request, person, [{"changed": {"fields": [what]}, "reason": reason}])

    @admin.display(description="roles")
    def roles(self, user):
        return ", ".join(group.name for group in user.groups.all())


@admin.register(Group)
class RoleAdmin(GroupAdmin, RightsAdmin):
    fleet_wide = True


@admin.register(Membership)
class MembershipAdmin(RightsAdmin):
    list_display = ["user", "operator"]
    list_select_related = ["user", "operator"]
    list_filter = [operator_filter("operator")]
    operator_path = "operator"
    search_fields = ["user__username", "operator__name"]
    autocomplete_fields = ["user", "operator"]

    def concerned(self, rows):
        return [row.user_id for row in rows]


@admin.register(AccessAttempt)
class AccessAttemptAdmin(BaseAdmin):
    """Log-ins that failed; deleting one lets that person try again at once."""

    list_display = ["username", "ip_address", "failures_since_start", "last"]
    search_fields = ["username__startswith", "ip_address"]
    fields = readonly_fields = ["username", "ip_address", "user_agent", "failures_since_start", "last"]
    fleet_wide = True
    last = staticmethod(moment_column("attempt_time", "last"))

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
