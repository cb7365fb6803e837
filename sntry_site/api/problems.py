"""Every error of the API as problem details (RFC 9457), with the path of each field that is wrong."""

import logging
import secrets

import orjson
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.fields import get_error_detail

from ..request_ids import current

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    406: "Not available in this format",
    409: "In conflict with what is",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Sent in a format that is not taken",
    422: "Not what it must be",
    428: "Say which version you change",
    429: "Too many requests",
    500: "Our fault",
    503: "For the moment not available",
}
RETRY_SECONDS = 2

logger = logging.getLogger(__name__)


class Problem(exceptions.APIException):
    """A refusal with a status, a sentence and, where fields are wrong, their paths."""

    def __init__(self, status: int, detail: str, errors: list[dict] | None = None, headers: dict | None = None):
        super().__init__(detail)
        self.status_code, self.errors, self.headers = status, errors or [], headers or {}


def problem(status: int, detail: str, errors: list[dict] | None = None, headers: dict | None = None) -> HttpResponse:
    """The answer itself. Its `type` names the kind of error and is explained in docs/api.md."""
    body = {"type": f"/api/docs/#problem-{status}", "title": TITLES.get(status, "Error"), "status": status}
    body["detail"] = detail
    if current():
        body["request_id"] = current()
    if errors:
        body["errors"] = errors
    return HttpResponse(orjson.dumps(body), content_type=MEDIA_TYPE, status=status, headers=headers)


def handle(error: Exception, context: dict) -> HttpResponse:
    """DRF's handler: whatever a view raises becomes a problem; what we did not expect is logged and says nothing."""
    if isinstance(error, Http404):
        return problem(404, str(error.args[0]) if error.args else "There is nothing here.")
    if isinstance(error, DjangoPermissionDenied):
        return problem(403, str(error) or "This is not yours to do.")
    if isinstance(error, SuspiciousOperation):
        is_large = isinstance(error, RequestDataTooBig)
        return problem(413 if is_large else 400, "Send less at once." if is_large else "The request cannot be read.")
    if isinstance(error, ModelValidationError):
        error = exceptions.ValidationError(get_error_detail(error))
    if isinstance(error, exceptions.ValidationError):
        return problem(422, "Some values are not what they must be; see errors.", paths(error.detail))
    if isinstance(error, exceptions.APIException):
        return _of_api_exception(error, context)
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("the database did not answer: %s", error)
        return problem(503, "Try again in a moment.", headers={"Retry-After": str(RETRY_SECONDS)})
    number = current() or secrets.token_hex(8)
    logger.error("error %s", number, exc_info=error)
    return problem(500, f"Something went wrong on our side; if you write to us, give the number {number}.")


def _of_api_exception(error: exceptions.APIException, context: dict) -> HttpResponse:
    headers = dict(getattr(error, "headers", {}))
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header
    if isinstance(error, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return problem(error.status_code, str(error.detail), getattr(error, "errors", None), headers)


def paths(detail, path: str = "") -> list[dict]:
    """[{"path": "/rows/3/status", "message": ...}] of DRF's nested errors; paths are JSON pointers."""
    if isinstance(detail, dict):
        return [each for name, part in detail.items() for each in paths(part, f"{path}/{_escaped(name)}")]
    if isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        return [each for number, part in enumerate(detail) for each in paths(part, f"{path}/{number}")]
    messages = detail if isinstance(detail, list) else [detail]
    return [{"path": path.removesuffix("/non_field_errors"), "message": str(message)} for message in messages]


def _escaped(name) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
