#!/usr/bin/env python
"""Run Sntry's commands: `manage.py up` starts everything."""

import os
import sys

# These start or report on the engines themselves, or need none.
WITHOUT_ENGINES = {"up", "services", "help", "version", "--version", "--help", "makemigrations", "collectstatic"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
    from django.core.management import execute_from_command_line

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command not in WITHOUT_ENGINES:
        from sntry_site import embedded

        embedded.ensure_running()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
