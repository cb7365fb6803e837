"""The registry in the admin: the models, how each did, and who may decide which of them scores."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from stations.admin_display import badge, badge_column, moment, moment_column, quantity_column
from stations.admin_site import HistoryAdmin
from stations.jobs import enqueue_once
from stations.models import Job, Operator

from . import drift_page, model_registry, model_report, promotion
from .models import ModelVersion

State = ModelVersion.State


class ReasonForm(forms.Form):
    """Why a person lets a model score."""

    reason = forms.CharField(
        max_length=250,
        min_length=8,
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept with the model, beside your name.",
    )


def may_promote(user) -> bool:
    """Whether `user` may decide which model scores: it scores all operators, so it takes a person who may see all."""
    if user.is_superuser or not user.has_perm("telemetry.promote_modelversion"):
        return user.is_superuser
    return not Operator.objects.exclude(pk__in=Operator.objects.visible_to(user).values("pk")).exists()


def may_retrain(user) -> bool:
    """Whether `user` may have the models trained anew."""
    return user.has_perm("stations.add_job") and may_promote(user)


def retrain(user) -> tuple[Job, bool]:
    """The training that waits or runs, else a new one; and whether it is new."""
    return enqueue_once("train_risk", {"then": "train_causes"}, created_by=user)


@admin.register(ModelVersion)
class ModelVersionAdmin(HistoryAdmin):
    """What is trained; the page of a model is its report."""

    fleet_wide = True
    list_display = ["name", "state_badge", "level", "headline", "verdict", "trained", "row_count"]
    list_filter = [("kind", admin.ChoicesFieldListFilter), ("state", admin.ChoicesFieldListFilter)]
    list_before_template = "admin/telemetry/modelversion/above_list.html"
    state_badge = staticmethod(badge_column("state", "state", State))
    trained = staticmethod(moment_column("trained_at", "trained"))
    row_count = staticmethod(quantity_column("rows", "rows"))

    @admin.display(description="model", ordering="pk")
    def name(self, model):
        return f"{model_report.title(model)} #{model.pk}"

    @admin.display(description="average precision, or share right (95 % interval)")
    def headline(self, model):
        return model_report.headline(model)

    @admin.display(description="persistence")
    def verdict(self, model):
        return model_report.beats_persistence_in_words(model)

    def get_urls(self):
        view = self.admin_site.admin_view
        own = [
            path("drift/", view(self.drift), name="telemetry_modelversion_drift"),
            path("retrain/", view(self.retrain), name="telemetry_modelversion_retrain"),
            path("<int:pk>/promote/", view(self.promote), name="telemetry_modelversion_promote"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request, extra_context=None):
        context = {"trouble": model_registry.trouble(), "may_retrain": may_retrain(request.user)}
        return super().changelist_view(request, context)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        model = self._model(request, int(object_id) if object_id.isdecimal() else 0)
        context = {
            **self.admin_site.each_context(request),
            **model_report.context(model),
            "title": f"{model_report.title(model)} #{model.pk}",
            "opts": self.opts,
            "model": model,
            "badge": badge(State(model.state)),
            "trained": moment(model.trained_at),
            "promoted": moment(model.promoted_at) if model.promoted_at else "",
            "may_promote": may_promote(request.user) and model.may_score and model.state != State.ACTIVE,
            "trouble": model_registry.trouble(),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/telemetry/modelversion/page.html", context)

    def promote(self, request, pk: int):
        """Ask for a reason, then let the model score in place of the one that does; also the way back to an old one."""
        if not may_promote(request.user):
            raise PermissionDenied(
                "Deciding which model scores needs its permission and a membership of every operator."
            )
        model = self._model(request, pk)
        if not model.may_score:
            raise Http404("No tick can score by a forecast of sites.")
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._promoted(request, model, form.cleaned_data["reason"])
        context = {
            **self.admin_site.each_context(request),
            "title": f"Let {model_report.title(model).lower()} #{model.pk} score?",
            "opts": self.opts,
            "model": model,
            "form": form,
            "refusal": promotion.refusal(model),
            "active": ModelVersion.objects.active(model.kind, model.level, model.horizon_hours),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/telemetry/modelversion/promote.html", context)

    def _promoted(self, request, model: ModelVersion, reason: str):
        try:
            model_registry.load(model)
        except model_registry.Refused as refused:
            messages.error(request, f"Model {model.pk} {refused}, so that it cannot score.")
            return redirect("admin:telemetry_modelversion_change", model.pk)
        refusal = promotion.refusal(model)
        why = f"{reason} (against the gate: {refusal})" if refusal else reason
        with transaction.atomic():  # nothing is done that is not in the record
            model.activate(timezone.now(), request.user, why)
            self.log_change(request, model, f"Let it score: {model.reason}")
        messages.success(request, f"Model {model.pk} scores from the next tick on.")
        return redirect("admin:telemetry_modelversion_change", model.pk)

    def retrain(self, request):
        """Queue a training; the gate decides whether its model scores."""
        if not may_retrain(request.user):
            raise PermissionDenied("Retraining needs the permission to add jobs and a membership of every operator.")
        if request.method != "POST":
            return redirect("admin:telemetry_modelversion_changelist")
        job, _ = retrain(request.user)
        return redirect(job)

    def drift(self, request):
        """How far the features of now are from those of the training."""
        if not self.has_view_permission(request):
            raise PermissionDenied("Looking at the drift needs the permission to look at models.")
        context = {**self.admin_site.each_context(request), **drift_page.context(), "title": "Drift", "opts": self.opts}
        return TemplateResponse(request, "admin/telemetry/modelversion/drift.html", context)

    def _model(self, request, pk: int) -> ModelVersion:
        model = self.get_queryset(request).filter(pk=pk).first() if self.has_view_permission(request) else None
        if model is None:
            raise Http404("There is no such model, or it is not yours to see.")
        return model
