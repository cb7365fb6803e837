"""Webhooks of partners, their log, and the OCPI connections: made here, their secrets shown once."""

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Count
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.module_loading import import_string

from ..admin_display import badge_column, moment_column
from ..admin_filters import operator_filter
from ..admin_site import BaseAdmin, HistoryAdmin
from ..models import OcpiConnection, Webhook, WebhookDelivery, WebhookEvent

NAMED = 100  # messages that are sent again, in the audit log
SEND_TEST = "sntry_site.webhooks.send_test"  # by its name, because the sender stands on the other apps


def shown_once(model_admin, request, title: str, about: str, text: str):
    """The one answer on which a secret is: not in a message, not in a session, not in a log."""
    context = {**model_admin.admin_site.each_context(request), "title": title, "opts": model_admin.opts}
    answer = TemplateResponse(request, "admin/secret_shown_once.html", {**context, "about": about, "text": text})
    answer["Cache-Control"] = "no-store"
    return answer


class WebhookForm(forms.ModelForm):
    """Events to tick."""

    events = forms.MultipleChoiceField(choices=WebhookEvent.choices, widget=forms.CheckboxSelectMultiple)


@admin.register(Webhook)
class WebhookAdmin(BaseAdmin):
    """Who is told what, where; switched off by itself when it fails for a day."""

    form = WebhookForm
    list_display = ["partner", "url", "told", "failing", "off", "disabled_because"]
    list_select_related = ["partner__operator"]
    list_filter = [operator_filter("partner__operator")]
    search_fields = ["url", "partner__name"]
    autocomplete_fields = ["partner"]
    actions = ["test", "switch_on", "switch_off", "new_secret"]
    failing = staticmethod(moment_column("failing_since", "failing since"))
    off = staticmethod(moment_column("disabled_at", "switched off"))

    def get_queryset(self, request):
        return super().get_queryset(request).with_scopes(timezone.now())

    @admin.display(description="is told")
    def told(self, webhook):
        """Its events; those that no key of the partner may read stand apart, because nothing is told of them."""
        unread = [event for event in webhook.events if event not in webhook.tells]
        told = ", ".join(event for event in webhook.events if event in webhook.tells)
        return told + (f" (no key that works may read {', '.join(unread)})" if unread else "")

    def get_readonly_fields(self, request, obj=None):
        return ["partner", "created_at", "failing_since", "disabled_at", "disabled_because"] if obj else []

    def save_model(self, request, obj, form, change):
        if not change:
            obj.secret_text = obj.renew_secret()
        super().save_model(request, obj, form, change)

    def response_add(self, request, obj, post_url_continue=None):
        return shown_once(self, request, "The new webhook", f"What {obj} signs its messages with.", obj.secret_text)

    @admin.action(description="Send a test", permissions=["change"])
    @transaction.atomic
    def test(self, request, queryset):
        now = timezone.now()
        for webhook in queryset.active():
            import_string(SEND_TEST)(webhook, now)
            self.log_change(request, webhook, "A test sent.")
        self.message_user(request, "The test is on its way; the deliveries say what became of it.")

    @admin.action(description="Switch on", permissions=["change"])
    @transaction.atomic
    def switch_on(self, request, queryset):
        for webhook in queryset:
            webhook.switch_on(timezone.now())
            self.log_change(request, webhook, "Switched on.")

    @admin.action(description="Switch off", permissions=["change"])
    @transaction.atomic
    def switch_off(self, request, queryset):
        for webhook in queryset:
            webhook.switch_off(f"By {request.user}.", timezone.now())
            self.log_change(request, webhook, "Switched off.")

    @admin.action(description="Make another secret", permissions=["change"])
    @transaction.atomic
    def new_secret(self, request, queryset):
        webhook = queryset.first()
        if queryset.count() != 1:
            self.message_user(request, "Choose one webhook.", "ERROR")
            return None
        text = webhook.renew_secret()
        webhook.save(update_fields=["sealed_secret"])
        self.log_change(request, webhook, "Another secret.")
        return shown_once(self, request, "Another secret", f"What {webhook} signs its messages with from now on.", text)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(HistoryAdmin):
    """The log of messages; any of them can be sent again."""

    list_display = ["event", "key", "webhook", "state_badge", "attempts", "status_code", "error", "made", "tried"]
    list_select_related = ["webhook__partner__operator"]
    list_filter = [("state", admin.ChoicesFieldListFilter), operator_filter("webhook__partner__operator")]
    search_fields = ["key__startswith"]
    actions = ["replay"]
    state_badge = staticmethod(badge_column("state", "state", WebhookDelivery.State))
    made = staticmethod(moment_column("created_at", "made"))
    tried = staticmethod(moment_column("last_attempt_at", "last try"))

    @admin.action(description="Send again")
    @transaction.atomic
    def replay(self, request, queryset):
        if not request.user.has_perm("stations.change_webhook"):
            self.message_user(request, "Sending again takes a role that changes webhooks.", "ERROR")
            return
        again: dict[int, list[int]] = {}
        for webhook, pk in queryset.filter(webhook__disabled_at=None).order_by("pk").values_list("webhook", "pk"):
            again.setdefault(webhook, []).append(pk)
        for webhook in Webhook.objects.filter(pk__in=again).select_related("partner__operator"):
            ids = again[webhook.pk]
            named = ", ".join(map(str, ids[:NAMED])) + (", …" if len(ids) > NAMED else "")
            self.log_change(request, webhook, f"{len(ids)} messages sent again: {named}.")
        self.message_user(request, f"{queryset.replay(timezone.now())} messages are sent again.")


@admin.register(OcpiConnection)
class OcpiConnectionAdmin(BaseAdmin):
    """Partners that speak OCPI; the first token is shown once and then replaced by the handshake."""

    list_display = [
        "partner",
        "country_code",
        "party_id",
        "registered",
        "version",
        "told",
        "waiting",
        "failing",
        "failure",
    ]
    list_select_related = ["partner__operator"]
    list_filter = [operator_filter("partner__operator")]
    search_fields = ["partner__name", "party_id"]
    autocomplete_fields = ["partner"]
    actions = ["invite_again"]
    registered = staticmethod(moment_column("registered_at", "registered"))
    told = staticmethod(moment_column("told_until", "told until"))
    failing = staticmethod(moment_column("failed_at", "failing since"))

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(waiting=Count("pushes"))

    @admin.display(description="objects waiting")
    def waiting(self, connection):
        return connection.waiting

    def get_readonly_fields(self, request, obj=None):
        return ["partner", "registered_at", "version", "url", "told_until", "failed_at", "failure"] if obj else []

    def save_model(self, request, obj, form, change):
        if not change:
            obj.token_text = obj.new_token()
        super().save_model(request, obj, form, change)

    def response_add(self, request, obj, post_url_continue=None):
        about = f"The token with which {obj.partner} registers at /ocpi/versions."
        return shown_once(self, request, "The new OCPI connection", about, obj.token_text)

    @admin.action(description="End the registration and make a first token", permissions=["change"])
    @transaction.atomic
    def invite_again(self, request, queryset):
        connection = queryset.first()
        if queryset.count() != 1:
            self.message_user(request, "Choose one connection.", "ERROR")
            return None
        connection.unregister()
        text = connection.new_token()
        connection.save(update_fields=["token_hash"])
        self.log_change(request, connection, "Registration ended; another first token.")
        about = f"The token with which {connection.partner} registers at /ocpi/versions."
        return shown_once(self, request, "Another first token", about, text)
