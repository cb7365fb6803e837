"""What the pages of policies and of switches have in common: they are for an operator, or, by superusers, for all."""

from stations.admin_site import BaseAdmin


class OwnOperatorAdmin(BaseAdmin):
    """Rows stay for the record; who is no superuser has to choose an operator."""

    def has_delete_permission(self, request, obj=None):
        return False

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        if not request.user.is_superuser and "operator" in form.base_fields:
            form.base_fields["operator"].required = True
        return form
