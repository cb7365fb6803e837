"""What schemathesis must not do by chance: use one Idempotency-Key for two requests, which is refused by design."""

import itertools
import re

import schemathesis

numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make a good key one that was not used before; a bad one stays as it is."""
    for name in [name for name in case.headers or {} if name.lower() == "idempotency-key"]:
        if re.fullmatch("[!-~]{1,200}", str(case.headers[name])):
            case.headers[name] = f"{str(case.headers[name])[:150]}-{next(numbers)}"
