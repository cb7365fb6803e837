"""Run the benchmarks named on the command line, or all: `python -m benchmarks [tick] [import_readings] [risk]`."""

import importlib
import os
import pkgutil
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
    from sntry_site import embedded

    embedded.ensure_running()
    import django

    django.setup()
    here = Path(__file__).parent
    known = sorted(m.name for m in pkgutil.iter_modules([str(here)]) if m.name not in ("__main__", "database"))
    for name in sys.argv[1:] or known:
        if name not in known:
            sys.exit(f"There is no benchmark named {name!r}; there are: {', '.join(known)}.")
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
