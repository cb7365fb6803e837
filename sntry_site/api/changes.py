"""Changing a row by PATCH: only the version that the caller has seen, and only what the caller may change."""

from django.db import transaction
from rest_framework import serializers

from .bodies import dumps
from .fields import Body
from .problems import Problem
from .rows import One, answer, refuse_parameters


class Changed(One):
    """A row that can be changed; the ETag of GET is the version that If-Match names."""

    body: type[Body]

    def patch(self, request, id):
        """Change some fields; 428 without If-Match, 412 if the row is not the one that was read."""
        refuse_parameters(request)
        wanted = request.headers.get("If-Match")
        with transaction.atomic():
            row = self.rows(request).select_for_update(of=["self"]).filter(**{self.path: id}).first()
            version = answer(request, dumps(self.found(request, id)), is_version=True)["ETag"]
            if wanted is None:
                raise Problem(428, f"Send If-Match with the ETag of what you change; it is {version} now.")
            if version not in [each.strip() for each in wanted.split(",")]:
                detail = "It has changed since you read it: read it again and decide again."
                raise Problem(412, detail, headers={"ETag": version})
            self._change(row, request.data)
            return answer(request, dumps(self.found(request, id)), is_version=True)

    def _change(self, row, data) -> None:
        sent = self.body(data=data)
        sent.is_valid(raise_exception=True)
        if not sent.validated_data:
            raise serializers.ValidationError({"": ["Send at least one field."]})
        for name, value in sent.validated_data.items():
            setattr(row, name, value)
        row.full_clean(validate_unique=False, validate_constraints=False)
        row.save(update_fields=list(sent.validated_data))
