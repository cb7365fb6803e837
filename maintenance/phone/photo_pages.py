"""Photos of an order: taken with the camera, checked, kept under random names, shown to those who may see the order."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from PIL import Image

from stations.models import AuditEntry

from .. import photos
from ..models import Photo, WorkOrder
from .access import order_or_404, orders_of, sent, technician_required
from .card import not_at_work

MOST_AT_ONCE, MOST_OF_AN_ORDER = 6, 40


@require_POST
@technician_required
def add(request, pk: int):
    """Keep photos of the state before or after the work; each one that is refused is named, the others are kept."""
    order = order_or_404(request, pk)
    kind, key = sent(request, "kind", 10), sent(request, "key", 40)
    problems = _against(order, kind, request.FILES.getlist("photos"))
    if not problems:
        for number, upload in enumerate(request.FILES.getlist("photos")):
            try:
                _keep(order, kind, upload, request.user, f"{order.pk}-{key}-{number}" if key else None)
            except ValidationError as error:
                problems += [f"Photo {number + 1}: {message}" for message in error.messages]
    values = {"order": order, "problems": problems, "kinds": Photo.Kind}
    return render(request, "work/photos.html", values, status=422 if problems else 200)


def _against(order: WorkOrder, kind: str, uploads: list) -> list[str]:
    if not_at_work(order):
        return not_at_work(order)
    if kind not in Photo.Kind.values:
        return ["Say whether the photos show the state before or after the work."]
    if not uploads:
        return ["No photo came: take one, or choose one."]
    if len(uploads) > MOST_AT_ONCE or order.photos.count() + len(uploads) > MOST_OF_AN_ORDER:
        return [f"At most {MOST_AT_ONCE} photos at once and {MOST_OF_AN_ORDER} of an order are kept."]
    return []


def _keep(order: WorkOrder, kind: str, upload, by, key: str | None) -> None:
    """Keep one photo, once per key: a phone that heard no answer sends it again."""
    if key and Photo.objects.filter(key=key).exists():
        return
    image = photos.checked(upload)
    width, height = Image.open(image).size
    image.seek(0)
    Photo.objects.create(
        order=order, kind=kind, file=image, width=width, height=height, taken_at=timezone.now(), by=by, key=key
    )


@require_safe
@technician_required
def show(request, pk: int):
    """A photo of one of the technician's orders."""
    photo = get_object_or_404(Photo.objects.filter(order__in=orders_of(request)), pk=pk)
    try:
        answer = FileResponse(photo.file.open("rb"), content_type="image/jpeg")
    except FileNotFoundError:
        raise Http404("The file of this photo is gone.") from None
    answer["Cache-Control"] = "private, max-age=86400, immutable"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_POST
@technician_required
def remove(request, pk: int):
    """Take a photo away that shows the wrong thing, while the order is not finished."""
    photo = get_object_or_404(Photo.objects.filter(order__in=orders_of(request), by=request.user), pk=pk)
    order, problems = photo.order, not_at_work(photo.order)
    if not problems:
        with transaction.atomic():
            AuditEntry.objects.note(
                "photo removed", by=request.user, about=order, kind=photo.kind, file=photo.file.name
            )
            photo.delete()
        photo.file.delete(save=False)
    values = {"order": order, "problems": problems, "kinds": Photo.Kind}
    return render(request, "work/photos.html", values, status=409 if problems else 200)
