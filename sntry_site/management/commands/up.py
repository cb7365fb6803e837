"""`manage.py up`: from nothing to a moving fleet board, and everything under one supervisor."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

from sntry_site import celery_app, checks, demo, demo_crews, embedded, process_logs, single_up
from sntry_site.embedded.engine import die_with_parent
from sntry_site.programs import port_is_free, programs
from sntry_site.supervisor import Supervisor
from sntry_site.watchdog import Watchdog
from stations.access import sync_roles


class Command(BaseCommand):
    """Start everything: engines, demo network, web, workers and beat."""

    help = "Start everything and open the fleet board. A second `up` in the same clone attaches to the first."
    requires_system_checks = [checks.OURS]

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--sites", type=int, default=150, help="sites of the demo network (first start only)")
        parser.add_argument("--days", type=int, default=30, help="days of history to start with (first start only)")

    def handle(self, *, host, port, sites, days, **options):
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does
                signal.signal(number, signal.default_int_handler)
        url = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::') else host}:{port}/"  # noqa: S104  (compared, not bound)
        claim = None
        try:
            if single_up.owner() is None:
                self.require_port(host, port)
                claim = single_up.become_owner(url)
            if claim is None:
                self.follow()
            else:
                self.run_everything(host, port, url, sites, days)
        except KeyboardInterrupt:
            pass
        finally:
            if claim is not None:
                self.stop_engines()
                os.close(claim)

    def require_port(self, host: str, port: int) -> None:
        try:
            if 0 < port < 65536 and port_is_free(host, port):
                return
        except OSError as error:
            raise CommandError(f"--host {host}: this machine cannot listen there ({error.strerror}).") from error
        other = port + 1 if 1023 < port < 65535 else 8000
        raise CommandError(
            f"Port {port} on {host} cannot be used: another program has it, or this user may not. "
            f"Choose another one, for example --port {other} (make run PORT={other})."
        )

    def follow(self) -> None:
        """Another `up` runs here: say where, and show its logs until it ends or Ctrl-C."""
        running = single_up.owner()
        if running is None:
            raise CommandError("The other `manage.py up` of this clone has just ended: run the command again.")
        self.stdout.write(f"Sntry already runs in this clone (process {running.process_id}): {running.url}")
        self.stdout.write("Its logs follow; Ctrl-C leaves it running.")
        process_logs.follow(process_logs.COLOURS, single_up.owner)
        self.stdout.write("It has stopped.")

    def run_everything(self, host: str, port: int, url: str, sites: int, days: int) -> None:
        for name in embedded.ensure_running(tied=True):
            self.stdout.write(f"Started the embedded {name}.")
        passwords = self.prepare(sites, days)
        celery_app.send_task("sntry_site.tick", expires=60)  # the board moves before beat's first ten seconds are over
        connections.close_all()
        supervisor = Supervisor(programs(host, port), look_after_engines=EngineWatch(), watchdog=Watchdog())
        threading.Thread(target=self.announce, args=(host, port, url, passwords), daemon=True).start()
        supervisor.run()

    def prepare(self, sites: int, days: int) -> dict[str, str]:
        """Bring the database to where the board has something to show; the demo passwords made now."""
        self.require_servers()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Preparing the database ...")
            call_command("migrate", verbosity=0, interactive=False)
        settings.STATIC_ROOT.mkdir(exist_ok=True)  # empty is fine, but WhiteNoise warns of a missing one
        sync_roles()
        passwords = demo.create_users()
        demo_crews.create_service_centres()
        demo_crews.create_parts()
        if demo.needs_history():
            demo.queue_learning()  # before the history, because afterwards nothing tells that it is missing
            self.stdout.write(f"Making a demo network of {sites} sites with {days} days of history ...")
            self.run_command(*demo.history_arguments(sites, days))
        demo.grant_memberships()
        demo_crews.set_time_zones()
        return passwords

    def require_servers(self) -> None:
        """Complain in one sentence when an outside server does not answer."""
        try:
            connection.ensure_connection()
        except OperationalError as error:
            raise CommandError(f"The database in DATABASE_URL does not answer: {str(error).splitlines()[0]}") from error
        try:
            redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3).ping()
        except (redis.RedisError, OSError) as error:
            raise CommandError(f"The server in REDIS_URL does not answer: {error}") from error

    def run_command(self, *arguments: str) -> None:
        """Run a command in a process of its own, because what it loads would stay in the supervisor's memory."""
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
        if subprocess.run(command, preexec_fn=die_with_parent(signal.SIGTERM), check=False).returncode:
            raise CommandError("The demo network could not be made; the reason is above. Run the command again.")

    def announce(self, host: str, port: int, url: str, passwords: dict[str, str]) -> None:
        """Once the web process answers, say where, and who may log in. Passwords are shown this once."""
        target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
        while True:
            try:
                socket.create_connection((target, port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        lines = ["", f"Sntry runs: {url}", ""]
        if passwords:
            lines += ["Log in as one of these (shown only now; kept in var/demo_users.txt):"]
            lines += [f"    {name:<12} {password}" for name, password in passwords.items()]
        elif demo.users_file().exists():
            lines += ["The demo users' passwords are in var/demo_users.txt."]
        self.stdout.write("\n".join([*lines, "Ctrl-C stops everything.", ""]))

    def stop_engines(self) -> None:
        """Stop them to the end: impatience, or a terminal that closes, must not leave one of them running."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        connections.close_all()
        for name in embedded.stop():
            process_logs.show("up", f"{name} has stopped")


class EngineWatch:
    """Starts an embedded engine again that died; looks every two seconds, less often while it cannot be started."""

    PATIENCE_SECONDS, PAUSE_SECONDS = 3.0, 10.0  # little, because the supervisor looks after nothing else meanwhile

    def __init__(self) -> None:
        self.next_at, self.told = 0.0, ""

    def __call__(self) -> list[str]:
        """What is to be told about the engines; what keeps one from starting is told once."""
        if time.monotonic() < self.next_at:
            return []
        self.next_at = time.monotonic() + 2
        try:
            started = embedded.ensure_running(tied=True, patience=self.PATIENCE_SECONDS)
        except embedded.EnginesUnavailable as error:
            self.next_at = time.monotonic() + self.PAUSE_SECONDS
            before, self.told = self.told, str(error)
            return [self.told] if self.told != before else []
        self.told = ""
        return [f"{name} had stopped and was started again" for name in started]
