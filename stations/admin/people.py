"""People, their roles, and the operators for which they work."""

from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ..admin_display import moment_column
from ..admin_filters import operator_filter
from ..admin_site import BaseAdmin, BaseInline
from ..models import Membership

admin.site.unregister(User)
admin.site.unregister(Group)


class MembershipInline(BaseInline):
    model = Membership
    operator_path = "operator"
    autocomplete_fields = ["operator"]
    show_change_link = False


@admin.register(User)
class SiteUserAdmin(UserAdmin, BaseAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_staff", "is_superuser", "is_active", "roles", "seen"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    fleet_wide = True
    inlines = [MembershipInline]
    seen = staticmethod(moment_column("last_login", "last login"))

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, user):
        return ", ".join(group.name for group in user.groups.all())


@admin.register(Group)
class RoleAdmin(GroupAdmin, BaseAdmin):
    fleet_wide = True


@admin.register(Membership)
class MembershipAdmin(BaseAdmin):
    list_display = ["user", "operator"]
    list_select_related = ["user", "operator"]
    list_filter = [operator_filter("operator")]
    operator_path = "operator"
    search_fields = ["user__username", "operator__name"]
    autocomplete_fields = ["user", "operator"]


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
