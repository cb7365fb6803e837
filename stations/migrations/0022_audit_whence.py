from django.db import migrations

# Before the entry is sealed, which is at the commit: so that its address and its request are in the chain, too.
WHENCE = """
CREATE FUNCTION stations_audit_whence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    request text := coalesce(current_setting('sntry.request', true), '');
BEGIN
    IF NEW.address = '' THEN
        NEW.address := left(coalesce(current_setting('sntry.address', true), ''), 45);
    END IF;
    IF request <> '' THEN
        NEW.details := NEW.details || jsonb_build_object('request', request);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_whence BEFORE INSERT ON stations_auditentry
    FOR EACH ROW EXECUTE FUNCTION stations_audit_whence();
"""
NO_WHENCE = """
DROP TRIGGER audit_whence ON stations_auditentry;
DROP FUNCTION stations_audit_whence();
"""


class Migration(migrations.Migration):
    """Entries say from where and by which request, those of triggers, too; web processes tell it."""

    dependencies = [("stations", "0021_audit")]

    operations = [migrations.RunSQL(WHENCE, NO_WHENCE)]
