#!/usr/bin/env python
"""Run Sntry's commands: `manage.py up` starts everything."""

import os
import sys

# These start or report on the engines themselves, or need none.
WITHOUT_ENGINES = {
    "up", "services", "help", "version", "check", "makemigrations", "makemessages", "compilemessages",
    "collectstatic", "findstatic", "diffsettings", "startapp", "startproject",
}  # fmt: skip
ONLY_WITH = {"generate_history": "--load"}  # needs engines only with this option


def needs_engines(arguments: list[str]) -> bool:
    """Whether the command line works on the database or the broker."""
    command = arguments[0] if arguments else "help"
    if command.startswith("-") or command in WITHOUT_ENGINES or {"-h", "--help", "--version"} & set(arguments):
        return False
    return command not in ONLY_WITH or ONLY_WITH[command] in arguments


def main() -> None:
    """Start what the command needs, then run it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
    from sntry_site import embedded

    try:
        if needs_engines(sys.argv[1:]):
            embedded.ensure_running(hint=True)
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except embedded.EnginesUnavailable as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
