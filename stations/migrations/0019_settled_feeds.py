"""The database itself notes from which number on rows of a feed may still be missing; `stations.feeds` says why.

The order of the steps is what makes it right. A writer reads the last number, takes the lock, and only then are its
numbers given out. A reader reads the last number, then the locks, and only then the rows. So whatever a reader cannot
see yet is either behind the number that it read, or behind that of a lock that it saw.
"""

from django.db import migrations

# The lock's second key has 32 bits: the low ones of the last number. One lock is enough for a transaction.
FUNCTIONS = """
CREATE FUNCTION stations_feed_begins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    numbers regclass := TG_ARGV[0];
    mark text := 'sntry.feed_' || numbers::oid;
    last bigint;
BEGIN
    IF coalesce(current_setting(mark, true), '') = '' THEN
        last := coalesce(pg_sequence_last_value(numbers), 0);
        PERFORM pg_advisory_xact_lock_shared(
            numbers::oid::int, (((last + 2147483648) & 4294967295) - 2147483648)::int
        );
        PERFORM set_config(mark, 'open', true);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION stations_feed_settled(numbers regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last bigint := coalesce(pg_sequence_last_value(numbers), 0);
    held bigint[];
    later bigint;
BEGIN
    SELECT array_agg(objid::bigint) INTO held FROM pg_locks
    WHERE locktype = 'advisory' AND classid = numbers::oid AND objsubid = 2 AND pid IS DISTINCT FROM pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    later := coalesce(pg_sequence_last_value(numbers), 0);
    RETURN (SELECT least(last, min(later - ((later - low) & 4294967295))) FROM unnest(held) AS low);
END $$;

CREATE FUNCTION stations_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.change_number = nextval(TG_ARGV[0]::regclass);
    RETURN NEW;
END $$;

CREATE TRIGGER feed_begins BEFORE INSERT ON stations_fleetevent
    FOR EACH STATEMENT EXECUTE FUNCTION stations_feed_begins('stations_fleetevent_id_seq');
"""
NO_FUNCTIONS = """
DROP TRIGGER feed_begins ON stations_fleetevent;
DROP FUNCTION stations_count_change();
DROP FUNCTION stations_feed_settled(regclass);
DROP FUNCTION stations_feed_begins();
"""


class Migration(migrations.Migration):
    dependencies = [("stations", "0018_webhooks_and_ocpi")]

    operations = [migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS)]
