"""The contract, made from the same declarations that the views obey: fields, filters, orders, scopes and bodies."""

import copy

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from .fields import Body, Label, Row, Text, Words
from .money import Money
from .posting import Posted
from .problems import MEDIA_TYPE, TITLES
from .rows import MOST, USUAL, One, Rows

NO_NUL = r"^[^\u0000]*$"
NO_NUL_NO_COMMA = r"^[^,\u0000]+$"
ALWAYS = (400, 401, 403, 404, 405, 406, 409, 422, 429, 500, 503)
ALSO = {"POST": (413, 415), "PATCH": (412, 413, 415, 428)}  # problems of what is sent, and of its version


class ProblemRow(serializers.Serializer):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField(required=False, help_text="as in X-Request-ID; names it to us")
    errors = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="path (a JSON pointer) and message, for each field"
    )


class Contract(AutoSchema):
    """One operation of the contract."""

    def get_operation_id(self) -> str:
        """get_work_orders, post_incidents, ..."""
        words = self.path.removeprefix("/api/v1/").replace("{id}", "id").strip("/").replace("/", "_").replace("-", "_")
        return f"{self.method.lower()}_{words}"

    def get_tags(self) -> list[str]:
        """The first word of the address."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_summary(self) -> str:
        """The first sentence of the view."""
        return (self.view.__doc__ or "").strip().split("\n")[0].rstrip(".")

    def get_description(self) -> str:
        """What the method says of itself, and which scope or permission it takes."""
        name = "send" if self.method == "POST" and isinstance(self.view, Posted) else self.method.lower()
        told = " ".join((getattr(self.view, name).__doc__ or "").split())
        scope, permission = (rules.get(self.method) for rules in (self.view.scopes, self.view.staff))
        takes = [f"keys with the scope `{scope}`"] if scope else []
        takes += [f"staff with the permission `{permission}`"] if permission else []
        return f"{told}\n\nFor {' and '.join(takes)}."

    def get_auth(self) -> list[dict]:
        """Who is asked for what."""
        kinds = {"partnerKey": self.view.scopes, "staffSession": self.view.staff}
        return [{name: []} for name, rules in kinds.items() if self.method in rules]

    def get_request_serializer(self):
        """The body, where there is one."""
        return getattr(self.view, "body", None) if self.method in ("POST", "PATCH") else None

    def get_response_serializers(self):
        """The good answers, and every problem that may come."""
        if hasattr(self.view, "media"):
            answers = {(200, self.view.media): OpenApiResponse(OpenApiTypes.BINARY, "The file.")}
        else:
            answers = {status: OpenApiResponse(self._good(), "Done.") for status in self._statuses()}
        if self.method == "GET" and isinstance(self.view, Rows | One):
            answers[304] = OpenApiResponse(None, "Not changed since the ETag that was sent.")
        statuses = [*ALWAYS, *ALSO.get(self.method, ())]
        problems = {(status, MEDIA_TYPE): OpenApiResponse(ProblemRow, TITLES[status]) for status in sorted(statuses)}
        return {**answers, **problems}

    def _statuses(self) -> tuple[int, ...]:
        if self.method == "POST":
            return getattr(self.view, "statuses", (201,))
        return (204,) if self.method == "DELETE" else (200,)

    def _good(self):
        view = self.view
        if self.method == "DELETE":
            return None
        if self.method == "POST":
            return getattr(view, "answer_row", view.row)
        if self.method == "PATCH" or isinstance(view, One):
            return view.row
        row = self.resolve_serializer(view.row, "response").ref
        following = {"type": ["string", "null"], "format": "uri", "description": "The following page."}
        extras = {"next": following} if view.has_pages else {}
        extras |= {name: self.described(field) for name, field in getattr(view, "extras", {}).items()}
        properties = {"results": {"type": "array", "maxItems": 10_000, "items": row}, **extras}
        return {"type": "object", "properties": properties, "required": list(properties)}

    def described(self, field: serializers.Field) -> dict:
        """The schema of a field that belongs to no serializer."""
        if isinstance(field, Words):
            one = {**self.described(field.one)}
            if one.get("type") == "string" and "enum" not in one:
                one["pattern"] = NO_NUL_NO_COMMA
            return {"type": "array", "items": one, "minItems": 1, "maxItems": field.most}
        bound = copy.deepcopy(field)
        bound.bind("value", serializers.Serializer())
        schema = self._map_serializer_field(bound, "request")
        self._insert_field_validators(bound, schema)  # which is done for the fields of serializers only
        if field.help_text:
            schema = {**schema, "description": str(field.help_text)}
        return schema

    def get_override_parameters(self) -> list[OpenApiParameter]:
        """The parameters of address and headers, as the views check them."""
        place = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[^\u0000-\u001f\u007f]+$"}
        row = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
        is_place = self.path.split("/{id}")[0].rsplit("/", 1)[-1] in ("sites", "chargers")
        found = [_parameter("id", place if is_place else row, "path", required=True)] if "{id}" in self.path else []
        if self.method == "GET":
            return found + self._of_address()
        if self.method == "DELETE":
            return found
        if self.method == "PATCH":
            about = "The ETag of the version that is changed; 428 without it, 412 if there is a newer one."
            return [*found, _parameter("If-Match", {"type": "string"}, "header", about)]
        key = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        about = "Any text of your own: the same request with it counts once in 24 hours."
        return [*found, _parameter("Idempotency-Key", key, "header", about)]

    def _of_address(self) -> list[OpenApiParameter]:
        view = self.view
        if not isinstance(view, Rows):
            fields = getattr(view, "parameters", {})
            return [_parameter(name, self.described(field), required=field.required) for name, field in fields.items()]
        names = {"type": "string", "enum": list(view.row().fields)}
        orders = [f"{sign}{name}" for name in view.all_orders or view.orders for sign in ("", "-")]
        limit = {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}
        return [
            *[
                _parameter(name, self.described(each.field), about=each.told())
                for name, each in view.filters.items()
            ],
            _parameter("fields", {"type": "array", "items": names, "minItems": 1}, about="Only these fields."),
            _parameter("order", {"type": "string", "enum": orders}, about="A - before it: the other way."),
            _parameter("limit", limit, about="Rows of a page."),
            _parameter("cursor", {"type": "string"}, about="From `next` of the page before; 409 if it is of no use."),
        ]  # fmt: skip

    def _map_basic_serializer(self, serializer, direction):
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Body):
            schema["additionalProperties"] = False
            if "rows" in serializer.fields:
                schema["properties"]["rows"]["maxItems"] = 10_000
        if isinstance(serializer, Row):
            schema.pop("required", None)  # because `fields` may leave any of them out
        return schema

    def _insert_field_validators(self, field, schema):
        super()._insert_field_validators(field, schema)
        if isinstance(field, Text) and "oneOf" in schema:  # of text or nothing; but nothing is a text, too
            schema.update(schema.pop("oneOf")[0])
        if isinstance(field, Text) and isinstance(field.parent, Row):  # what is stored is shown, however long it is
            schema.pop("minLength", None)
            schema.pop("maxLength", None)

    def _map_serializer_field(self, field, direction, bypass_extensions=False):
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, Text) and "$ref" not in schema:
            schema = {"pattern": NO_NUL, **schema}
        if isinstance(field, Money):
            schema = {**schema, "pattern": field.pattern}
        if isinstance(field, Label):
            schema = {"type": "string", "enum": list(field.choices)}
        return schema


def _parameter(name: str, schema: dict, location: str = "query", about: str = "", required: bool = False):
    options = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return OpenApiParameter(name, schema, location, required=required, description=about, **options)


def of_the_api(endpoints):
    """Only the addresses below /api/v1/."""
    return [each for each in endpoints if each[0].startswith("/api/v1/")]


def security(result, generator, request, public):
    """The two ways to say who calls."""
    result["components"]["securitySchemes"] = {
        "partnerKey": {
            "type": "http", "scheme": "bearer", "bearerFormat": "sntry_<prefix>_<secret>",
            "description": "Made by the operator's staff in the admin.",
        },
        "staffSession": {
            "type": "apiKey", "in": "cookie", "name": "sessionid",
            "description": "Staff who are signed in to the pages; what they send needs the header X-CSRFToken.",
        },
    }  # fmt: skip
    return result
