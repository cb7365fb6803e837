"""No migration may hold up a network that runs: what its SQL does to tables that are long already."""

import re

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from stations.access import APPS

# What each does to a table that exists, and how it is done instead.
RULES = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": "writes wait until the index is made: AddIndexConcurrently",
    r"ADD CONSTRAINT .* CHECK (?!.*NOT VALID)": "every row is read: AddConstraintNotValid, then ValidateConstraint",
    r"ADD CONSTRAINT .* FOREIGN KEY (?!.*NOT VALID)": "every row is read: NOT VALID, then VALIDATE",
    r"ADD CONSTRAINT .* (UNIQUE|PRIMARY KEY|EXCLUDE) (?!USING)": "an index is made: concurrently, then USING INDEX",
    r"ADD COLUMN .*\bCHECK \(": "every row is read: a plain column, then AddConstraintNotValid and ValidateConstraint",
    r"ADD COLUMN .*\b(UNIQUE|PRIMARY KEY)\b": "an index is made: a plain column, then UNIQUE USING INDEX",
    r"ALTER COLUMN .* TYPE ": "the table is written anew: a new column, filled in parts",
    r"ALTER COLUMN .* SET NOT NULL": "every row is read: a check that is validated first",
    r"ADD COLUMN .*(GENERATED|DEFAULT \(?(nextval|random|gen_random_uuid|clock_timestamp)\()": "the table is rewritten",
    r"ADD COLUMN (?!.*(DEFAULT|GENERATED)).* NOT NULL": "fails where there are rows: a db_default",
    r"\b(VACUUM FULL|CLUSTER|LOCK TABLE|REINDEX (?!.*CONCURRENTLY)|TRUNCATE)\b": "everybody waits",
    r"^(WITH .*\b)?(UPDATE|DELETE FROM|INSERT INTO .*\bSELECT)\b": "many rows in one transaction: in parts, by a job",
}
# What each does to code that still runs, on a table of any length.
RULES_OF_OLD_CODE = {
    r"\bRENAME (COLUMN|TO)\b": "code that runs names the old one: a new one beside it, then contract",
    r"\bDROP COLUMN\b": "code that runs reads it: only once no release that runs names it, and then in the list below",
}
# Tables that grow with time. The others are as long as the network or its work: a second for any of this.
LONG = {
    "telemetry_statusreport", "telemetry_chargingsession", "telemetry_reading", "telemetry_livereading",
    "telemetry_outage", "telemetry_softevents", "telemetry_risk", "telemetry_diagnosis", "telemetry_tick",
    "stations_fleetevent", "stations_auditentry", "stations_outbox", "stations_webhookdelivery",
    "stations_partnernews", "stations_answeredrequest", "django_admin_log", "axes_accessattempt",
}  # fmt: skip
# Released before the rule, or before it saw this; each with what it did.
BEFORE_THE_RULE = {
    ("pricing", "0003_surge_policies"): "made room for the policy itself under the name of its word",
    ("pricing", "0005_every_change_has_a_policy"): "dropped that word, once each change had its policy",
    ("stations", "0020_partner_news"): "called the time of a webhook what it had become",
    ("telemetry", "0005_model_version"): "gave risks another table of models, with one row for each",
}
# Python hides from this what it writes; each of these was looked at.
IN_PYTHON = {
    ("pricing", "0004_policies_of_old_changes"): "price changes alone, which staff make",
    ("pricing", "0006_open_changes_and_what_was_proposed"): "price changes alone, which staff make",
}


def our_migrations() -> list[tuple[str, str]]:
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return sorted(key for key in disk if key[0] in APPS)


@pytest.fixture(scope="module")
def statements(django_db_setup, django_db_blocker):
    """(app, name) -> the statements of that migration."""
    with django_db_blocker.unblock():
        executor = MigrationExecutor(connection)
        found = {}
        for key in our_migrations():
            node = executor.loader.graph.nodes[key]
            sql = executor.loader.collect_sql([(node, False)])
            text = re.sub(r"--[^\n]*", "", "\n".join(sql))
            text = re.sub(r"(AS \$(\w*)\$).*?\$\2\$", r"\1", text, flags=re.DOTALL)  # what functions do when called
            found[key] = [" ".join(each.split()) for each in text.split(";\n") if each.strip()]
        return found


def table_of(statement: str) -> str:
    named = re.search(
        r"(?:ALTER TABLE(?: IF EXISTS)?(?: ONLY)?|INDEX .*? ON(?: ONLY)?|UPDATE(?: ONLY)?|DELETE FROM|INSERT INTO|"
        r"TRUNCATE(?: TABLE)?|LOCK TABLE|TABLE)\s+\"?(\w+)\"?", statement,
    )  # fmt: skip
    return named[1] if named else ""


def troubles(statements: list[str]) -> list[str]:
    """What in one migration's SQL would hold up others."""
    made = {table_of(each) for each in statements if each.startswith(("CREATE TABLE", "CREATE UNLOGGED TABLE"))}
    told = []
    for each in statements:
        table = table_of(each)
        if table in made or re.match("CREATE (TABLE|TRIGGER|(OR REPLACE )?FUNCTION)", each):
            continue
        rules = RULES_OF_OLD_CODE | (RULES if table in LONG else {})
        told += [f"{table}: {each[:110]} ({why})" for rule, why in rules.items() if re.search(rule, each)]
    return told


def test_no_migration_holds_up_a_network_that_runs(statements):
    told = {key: troubles(each) for key, each in statements.items() if key not in BEFORE_THE_RULE}
    assert {key: each for key, each in told.items() if each} == {}
    assert all(troubles(statements[key]) for key in BEFORE_THE_RULE)


def test_no_migration_writes_rows_in_python():
    """What it does is seen by no pattern: in SQL, or in parts by a job."""
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    found = {key for key in our_migrations() if any(isinstance(each, RunPython) for each in disk[key].operations)}
    assert found == IN_PYTHON.keys()


def test_long_tables_are_there():
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert tables >= LONG


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE INDEX "a" ON "telemetry_statusreport" ("reported_at")',
        'CREATE UNIQUE INDEX "a" ON "telemetry_outage" ("charger_id")',
        'ALTER TABLE "telemetry_reading" ADD CONSTRAINT "a" CHECK ("price" > 0)',
        'ALTER TABLE "stations_fleetevent" ADD CONSTRAINT "a" FOREIGN KEY ("x") REFERENCES "y" ("id")',
        'ALTER TABLE "telemetry_reading" ADD CONSTRAINT "a" UNIQUE ("site_id", "at")',
        'ALTER TABLE "telemetry_reading" ALTER COLUMN "price" TYPE numeric(12, 4)',
        'ALTER TABLE "telemetry_reading" ALTER COLUMN "price" SET NOT NULL',
        'ALTER TABLE "telemetry_chargingsession" ADD COLUMN "number" bigint DEFAULT nextval(\'s\') NOT NULL',
        'ALTER TABLE "telemetry_chargingsession" ADD COLUMN "kind" varchar(9) NOT NULL',
        "UPDATE telemetry_statusreport SET status = 'UNKNOWN'",
        "DELETE FROM stations_fleetevent WHERE kind = 'X'",
        'ALTER TABLE "telemetry_outage" ADD COLUMN "polls" integer DEFAULT 0 NOT NULL CHECK ("polls" >= 0)',
        'ALTER TABLE "telemetry_outage" ADD COLUMN "polls" integer NULL CHECK ("polls" >= 0)',
        'ALTER TABLE "telemetry_outage" ADD COLUMN "key" varchar(9) NULL UNIQUE',
        'ALTER TABLE "telemetry_outage" ADD COLUMN "key" uuid PRIMARY KEY',
        'ALTER TABLE "telemetry_reading" RENAME COLUMN "price" TO "tariff"',
        'ALTER TABLE "telemetry_reading" RENAME TO "telemetry_measurement"',
        'ALTER TABLE "stations_operator" RENAME COLUMN "name" TO "title"',
        'ALTER TABLE "telemetry_reading" DROP COLUMN "price" CASCADE',
        "INSERT INTO telemetry_outage (charger_id) SELECT id FROM stations_charger",
        "WITH old AS (SELECT id FROM telemetry_risk) UPDATE telemetry_risk SET level = 'site' FROM old",
        "WITH gone AS (SELECT id FROM stations_site) DELETE FROM telemetry_reading USING gone",
        "WITH a AS (SELECT id FROM stations_charger) INSERT INTO telemetry_outage (charger_id) SELECT id FROM a",
        "LOCK TABLE telemetry_outage IN EXCLUSIVE MODE",
    ],
)
def test_what_would_hold_it_up_is_seen(statement):
    assert troubles([statement])


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE INDEX CONCURRENTLY "a" ON "telemetry_statusreport" ("reported_at")',
        'ALTER TABLE "telemetry_reading" ADD CONSTRAINT "a" CHECK ("price" > 0) NOT VALID',
        'ALTER TABLE "telemetry_reading" VALIDATE CONSTRAINT "a"',
        'ALTER TABLE "telemetry_outage" ADD COLUMN "kind" varchar(9) DEFAULT \'\' NOT NULL',
        'ALTER TABLE "telemetry_outage" ADD COLUMN "kind" varchar(9) NULL',
        'ALTER TABLE "telemetry_outage" ADD CONSTRAINT "a" UNIQUE USING INDEX "b"',
        'CREATE INDEX "a" ON "stations_operator" ("name")',
    ],
)
def test_what_takes_a_moment_may_be_done(statement):
    assert not troubles([statement])
