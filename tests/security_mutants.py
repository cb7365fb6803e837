"""Takes one safeguard away at a time and sees whether a test says so: `make mutants`, or with words to choose some.

Each works in a copy of the tree with engines of its own, where first every named test must pass. About ten minutes.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "security_mutants"
SECONDS = 600  # of patience with one test


class Mutant(NamedTuple):
    """A safeguard, what of which file becomes what without it, and the test that must fail then."""

    name: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = [
    Mutant("rows of people are not scoped", "stations/access.py",
           'return queryset.filter(**{f"{operator_path}__in": user.memberships.values("operator_id")})',
           "return queryset", "tests/test_admin_scope.py"),
    Mutant("rows of partners are not scoped", "stations/access.py",
           "return queryset.filter(**{operator_path: user.operator_id})", "return queryset",
           "tests/test_partner_keys.py -k to_every_scope"),
    Mutant("buttons of the board need no permission", "sntry_site/pages/site_actions.py",
           "if permission and not request.user.has_perm(permission):", "if False:",
           "tests/test_board_page.py -k actions_need"),
    Mutant("pages of the staff are for everybody", "sntry_site/pages/access.py",
           "if not request.user.is_staff:", "if False:", "tests/test_board_page.py -k not_staff"),
    Mutant("scopes of keys are not looked at", "sntry_site/api/access.py",
           "if needed[method] and needed[method] not in request.auth.scopes:", "if False:",
           "tests/test_api_reads.py -k without_the_scope"),
    Mutant("the secret of a key is not compared", "stations/models/access.py",
           "return key if hmac.compare_digest(known, hash_of(match[2])) and key else None", "return key",
           "tests/test_partner_keys.py -k nearly_right"),
    Mutant("a revoked key goes on", "stations/models/access.py",
           "return self.filter(revoked_at__isnull=True, expires_at__gt=now)", "return self.filter(expires_at__gt=now)",
           "tests/test_partner_keys.py -k revoking_and"),
    Mutant("forms need no token", "sntry_site/settings.py", '    "django.middleware.csrf.CsrfViewMiddleware",\n', "",
           "tests/test_csrf.py"),
    Mutant("staff use the API without a token", "sntry_site/api/access.py",
           "        known = super().authenticate(request)\n",
           "        self.enforce_csrf = lambda request: None\n        known = super().authenticate(request)\n",
           "tests/test_csrf.py"),
    Mutant("addresses inside may be called", "stations/outgoing.py",
           '    ip = ipaddress.ip_address(address.partition("%")[0])\n',
           '    return True\n    ip = ipaddress.ip_address(address.partition("%")[0])\n', "tests/test_outgoing.py"),
    Mutant("a name is looked up again for the call", "stations/outgoing.py",
           "socket.create_connection((self.address, self.port), CONNECT_SECONDS)",
           "socket.create_connection((self.host, self.port), CONNECT_SECONDS)", "tests/test_outgoing.py"),
    Mutant("nobody calls too often", "sntry_site/api/limits.py", "    if not allowed:\n", "    if False:\n",
           "tests/test_api_frame.py -k too_many"),
    Mutant("five wrong passwords lock nobody out", "sntry_site/safety_settings.py", "AXES_FAILURE_LIMIT = 5",
           "AXES_FAILURE_LIMIT = 500", "tests/test_doors.py -k five"),
    Mutant("everybody says where they call from", "stations/client_address.py",
           '"") if settings.BEHIND_PROXY else ""', '"")', "tests/test_doors.py -k naming"),
    Mutant("a name on a page is markup", "templates/sites/page.html", "{{ site.name }}", "{{ site.name|safe }}",
           "tests/test_hostile.py -k no_page"),
    Mutant("a name in a frame is markup", "templates/sites/chargers.html", "}}", "|safe }}",
           "tests/test_hostile.py -k no_frame"),
    Mutant("a cell of a file is a formula", "stations/spreadsheets.py", "return f\"'{value}\"", "return value",
           "tests/test_hostile.py -k no_file"),
    Mutant("a fact leaves the data of a prompt", "maintenance/notes/prompt.py",
           '.replace("<", "\\\\u003c").replace(">", "\\\\u003e")', "", "tests/test_hostile.py -k no_fact"),
    Mutant("a model's file is not compared with its hash", "telemetry/model_registry.py",
           "if hashlib.sha256(data).hexdigest() != model.sha256:", "if False:",
           "tests/test_model_registry.py -k damaged"),
    Mutant("photos of any size are unpacked", "maintenance/photos.py", "if width * height > MOST_PIXELS:", "if False:",
           "tests/test_photos.py -k refused_in_words"),
    Mutant("messages are not signed with their time", "sntry_site/webhooks.py",
           'f"{at}.".encode() + body', "body", "tests/test_webhooks.py -k signed"),
    Mutant("any host is ours", "sntry_site/safety_settings.py", 'if "*" in hosts:', "if False:",
           "tests/test_doors.py -k no_installation"),
    Mutant("scripts in pages may run", "sntry_site/safety_settings.py",
           "policy = {name: [SELF] for name in own}", "policy = {name: [SELF, \"'unsafe-inline'\"] for name in own}",
           "tests/test_board_page.py -k strict_policy"),
    Mutant("the second factor is not asked for", "sntry_site/settings.py",
           '    "stations.second_factor.SecondFactor",\n', "", "tests/test_second_factor.py -k password_alone"),
    Mutant("another person's device counts", "stations/second_factor.py", "device.user_id == user.pk and", "",
           "tests/test_second_factor.py -k becomes_another"),
    Mutant("after the code one is led anywhere", "stations/second_factor.py",
           "return wanted if is_ours else", "return wanted or", "tests/test_second_factor.py -k led_elsewhere"),
    Mutant("sockets do not hear that rights ended", "stations/live.py",
           '            self._check_rights(message.get("users"))\n', "", "tests/test_revocation.py"),
    Mutant("pages of others open sockets", "sntry_site/asgi.py",
           'AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))',
           "AuthMiddlewareStack(URLRouter(websocket_urlpatterns))", "tests/test_live_sockets.py -k handshake"),
    Mutant("the audit log may be changed", "stations/migrations/0021_audit.py",
           "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON stations_auditentry",
           "CREATE TRIGGER audit_kept BEFORE DELETE ON stations_auditentry", "tests/test_audit.py --create-db"),
    Mutant("a changed entry is not noticed", "stations/audit_chain.py",
           'if sha256(f"{head}\\n{text}".encode()).hexdigest() != digest:', "if False:",
           "tests/test_audit.py --create-db"),
    Mutant("changes in the admin are not told", "stations/migrations/0021_audit.py",
           "CREATE TRIGGER audited AFTER INSERT ON django_admin_log",
           "CREATE TRIGGER audited AFTER DELETE ON django_admin_log",
           "tests/test_audit.py --create-db"),
]  # fmt: skip


def copy_the_tree() -> None:
    """Everything that is tracked, apart from the tree that somebody works in; the same environment."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, FOLDER / name)
    (FOLDER / ".venv").symlink_to((ROOT / ".venv").resolve())


def passes(test: str) -> bool:
    """Whether the test passes in the copy."""
    arguments = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--reuse-db", *test.split(" ", 2)]
    without = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=FOLDER, env={**without, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        sys.exit(f"{test} did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


def tried(mutant: Mutant) -> bool:
    """Whether the test fails once the safeguard is gone, which is put back."""
    file = FOLDER / mutant.file
    whole = file.read_text()
    if mutant.old not in whole:
        sys.exit(f'{mutant.file} has no "{mutant.old.strip()}" any more: bring "{mutant.name}" up to date.')
    file.write_text(whole.replace(mutant.old, mutant.new))
    try:
        return not passes(mutant.test)
    finally:
        file.write_text(whole)


def main(words: list[str]) -> None:
    """Try those whose name or file holds one of the words, or all, and print what became of each."""
    chosen = [one for one in MUTANTS if not words or any(word in one.name + one.file for word in words)]
    copy_the_tree()
    try:
        for test in dict.fromkeys(one.test for one in chosen):
            if not passes(test):
                sys.exit(f"{test} fails without any mistake; mend that first.")
        survived = [mutant.name for mutant in chosen if not _told(mutant)]
    finally:
        subprocess.run([sys.executable, "manage.py", "services", "stop"], cwd=FOLDER, capture_output=True, check=False)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} were caught.")
    if survived:
        sys.exit("Not caught: " + "; ".join(survived))


def _told(mutant: Mutant) -> bool:
    start = time.monotonic()
    is_caught = tried(mutant)
    verdict = "caught  " if is_caught else "SURVIVED"
    print(f"{verdict} {time.monotonic() - start:4.0f} s  {mutant.name}  ({mutant.test})", flush=True)
    return is_caught


if __name__ == "__main__":
    main(sys.argv[1:])
