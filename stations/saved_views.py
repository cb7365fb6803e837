"""Saved views of a list: the tabs above it, and what is done to them."""

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.forms import modelform_factory
from django.http import Http404, HttpRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import resolve, reverse

from .models import SavedView
from .models.saved_views import plain_query

POPUP = "_popup"
ALL = "all"  # `?view=all` is the list as it is, whatever view opens it
ViewForm = modelform_factory(SavedView, fields=["name", "shared", "default"])


def list_request(user, path: str, query: str) -> HttpRequest:
    """The request that would show `user` the list at `path` as `query` asks; for work that no browser waits for."""
    request = HttpRequest()
    request.user, request.path, request.method = user, path, "GET"
    request.resolver_match = resolve(path)
    request.GET = QueryDict(plain_query(query), mutable=True)
    return request


def list_of(admin, user, query: str):
    """The admin's list of what `query` asks and `user` may see; ValidationError where the query asks nonsense."""
    try:
        return admin.get_changelist_instance(list_request(user, list_url(admin), query))
    except (IncorrectLookupParameters, SuspiciousOperation) as error:
        raise ValidationError("This list cannot be asked that; choose its filters again, then save it.") from error


def list_url(admin) -> str:
    """Where the admin's list is."""
    return reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")


def views_of(admin, user) -> list[SavedView]:
    """The views of this list that `user` sees: the person's own first."""
    views = SavedView.objects.visible_to(user).filter(changelist=admin.opts.label_lower).select_related("user")
    return sorted(views, key=lambda view: view.user_id != user.pk)


def opening(user, views: list[SavedView]) -> str:
    """The querystring with which the list opens for `user`; empty: as it is."""
    return next((view.querystring for view in views if view.default and view.user_id == user.pk), "")


def tabs(admin, request, views: list[SavedView]) -> dict:
    """What the list's bar shows: the views, which of them this is, and what saving it would keep."""
    query = plain_query(request.GET.urlencode())
    current = next((view for view in views if view.querystring == query), None)
    return {
        "views": views,
        "view": current if query else None,
        "own_view": current if query and current and current.user_id == request.user.pk else None,
        "views_query": query,
        "views_url": f"{list_url(admin)}views/",
    }


def save_view(admin, request):
    """Keep the list as it is under a new name, or refuse it with the reason."""
    query = plain_query(request.POST.get("querystring", "").removeprefix("?")[:4000])
    view = SavedView(user=request.user, changelist=admin.opts.label_lower, querystring=query)
    if request.method == "POST":
        _keep(admin, request, view, f"The view “{request.POST.get('name', '')}” is saved.")
    return redirect(f"{list_url(admin)}?{query or 'view=all'}")


def change_view(admin, request, pk: int):
    """Rename, share, make it the default, or delete one's own view; nobody else's exists here."""
    if request.method != "POST":
        raise Http404("Views are changed with their buttons above the list.")
    own = SavedView.objects.filter(user=request.user, changelist=admin.opts.label_lower)
    view = get_object_or_404(own, pk=pk)
    if "delete" in request.POST:
        view.delete()
        messages.success(request, f"The view “{view}” is deleted.")
        return redirect(f"{list_url(admin)}?view={ALL}")
    _keep(admin, request, view, f"The view “{request.POST.get('name', '')}” is saved.")
    return redirect(f"{list_url(admin)}?{view.querystring or 'view=all'}")


def _keep(admin, request, view: SavedView, done: str) -> None:
    form = ViewForm(request.POST, instance=view)
    try:
        if form.is_valid():
            view.full_clean(exclude=["default"])  # with the list and the person, which are not in the form
            list_of(admin, request.user, view.querystring)
            form.save()
            messages.success(request, done)
            return
    except ValidationError as error:
        form.add_error(None, ValidationError(error.messages))
    for name, errors in form.errors.items():
        label = f"{form.fields[name].label}: " if name in form.fields else ""
        messages.error(request, f"The view was not saved. {label}{' '.join(errors)}")
