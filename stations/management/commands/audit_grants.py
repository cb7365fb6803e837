from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

# A web process may do with the log what it needs: read it and add to it. The rest is the owner's, and even his changes
# are refused by triggers as long as these stand.
GRANTS = [
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT TEMPORARY ON DATABASE {database} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE ON stations_auditentry, stations_auditseal FROM {role}",
    "REVOKE INSERT ON stations_auditseal FROM {role}",
]
MAY = """
SELECT table_name || ': ' || privilege FROM unnest(ARRAY['stations_auditentry', 'stations_auditseal']) table_name,
    unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) privilege WHERE has_table_privilege(table_name, privilege)
"""


class Command(BaseCommand):
    help = (
        "The rights of the database role that web processes use, for which the audit log can only be added to. Run it "
        "as the owner of the tables, after each upgrade; without --apply it only prints the SQL."
    )

    def add_arguments(self, parser):
        parser.add_argument("role", nargs="?", help="the role of the web processes, such as sntry_web")
        parser.add_argument("--apply", action="store_true", help="do it rather than print it")
        parser.add_argument("--check", action="store_true", help="say what the role of this very process could undo")

    def handle(self, *args, role, apply, check, **options):
        if check:
            return self._check()
        if not role:
            raise CommandError("Name the role of the web processes, or ask with --check what this process may do.")
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in self._statements(cursor, role):
                if apply:
                    cursor.execute(statement)
                else:
                    self.stdout.write(f"{statement};")
        return None

    def _statements(self, cursor, role: str) -> list[str]:
        names = {"role": sql.Identifier(role), "database": sql.Identifier(connection.settings_dict["NAME"])}
        return [sql.SQL(line).format(**names).as_string(cursor.connection) for line in GRANTS]

    def _check(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(MAY)
            rights = [right for (right,) in cursor.fetchall()]
        if rights:
            raise CommandError(f"This process may undo what the audit log says: {', '.join(rights)}.")
        self.stdout.write("This process can add to the audit log and change nothing in it.")
