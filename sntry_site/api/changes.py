"""Changing a row by PATCH: only the version that the caller has seen, and only what the caller may change."""

from django.core.exceptions import ValidationError
from django.db import transaction

from .fields import Body
from .posting import note_call
from .problems import Problem
from .rows import One, is_about, refuse_parameters


class Changed(One):
    """A row that can be changed; the ETag of GET is the version that If-Match names."""

    body: type[Body]

    def patch(self, request, id):
        """Change some fields; 428 without If-Match, 412 if the row is not the one that was read (* means any)."""
        refuse_parameters(request)
        wanted, values = request.headers.get("If-Match"), self._sent(request.data)
        with transaction.atomic():
            row = self.rows(request).select_for_update(of=["self"], no_key=True).filter(**{self.path: id}).first()
            version = self.versioned(request, id)["ETag"]
            if wanted is None:
                raise Problem(428, f"Send If-Match with the ETag of what you change; it is {version} now.")
            is_known = is_about(request.headers.get("If-None-Match", ""), version, weakly=True)
            if is_known or not is_about(wanted, version):
                detail = "It has changed since you read it: read it again and decide again."
                raise Problem(412, detail, headers={"ETag": version})
            self._change(row, values)
            note_call(request)
            return self.versioned(request, id)

    def _sent(self, data) -> dict:
        sent = self.body(data=data)
        sent.is_valid(raise_exception=True)
        return sent.validated_data

    def _change(self, row, values: dict) -> None:
        for name, value in values.items():
            setattr(row, name, value)
        try:
            row.clean_fields(exclude=[field.name for field in row._meta.fields if field.name not in values])
        except ValidationError as error:
            told = [{"path": f"/{name}", "message": " ".join(each)} for name, each in error.message_dict.items()]
            raise Problem(409, "The values cannot be stored; see errors.", told) from None
        if values:
            row.save(update_fields=list(values))
