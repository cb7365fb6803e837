from django.db import migrations, models
from django.db.models.functions import Now

# The chain: at the commit each new entry gets the next place and the hash of the one before it together with its own
# words. One lock for all writers, held from there to the end of the commit only. The functions are run as their owner,
# so that a web process needs no right to write seals.
CHAIN = """
CREATE FUNCTION stations_audit_text(entry stations_auditentry) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(entry.id, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), entry.kind,
        entry.actor_id, entry.actor, entry.action, entry.about, entry.about_id, entry.name, entry.reason,
        entry.address, entry.details)::text
$$;
CREATE FUNCTION stations_seal_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    head stations_auditseal%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sntry audit chain'));
    SELECT * INTO head FROM stations_auditseal ORDER BY position DESC LIMIT 1;
    INSERT INTO stations_auditseal (position, entry_id, previous, digest) VALUES (
        coalesce(head.position, 0) + 1, NEW.id, coalesce(head.digest, repeat('0', 64)),
        encode(sha256(convert_to(
            coalesce(head.digest, repeat('0', 64)) || E'\\n' || stations_audit_text(NEW), 'UTF8')), 'hex'));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_sealed AFTER INSERT ON stations_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION stations_seal_audit();

CREATE FUNCTION stations_keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is only ever added to: % of % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON stations_auditentry
    FOR EACH ROW EXECUTE FUNCTION stations_keep_audit();
CREATE TRIGGER audit_kept_whole BEFORE TRUNCATE ON stations_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION stations_keep_audit();
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON stations_auditseal
    FOR EACH ROW EXECUTE FUNCTION stations_keep_audit();
CREATE TRIGGER audit_kept_whole BEFORE TRUNCATE ON stations_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION stations_keep_audit();
"""
NO_CHAIN = """
DROP TRIGGER audit_kept_whole ON stations_auditseal;
DROP TRIGGER audit_kept ON stations_auditseal;
DROP TRIGGER audit_kept_whole ON stations_auditentry;
DROP TRIGGER audit_kept ON stations_auditentry;
DROP TRIGGER audit_sealed ON stations_auditentry;
DROP FUNCTION stations_keep_audit();
DROP FUNCTION stations_seal_audit();
DROP FUNCTION stations_audit_text(stations_auditentry);
"""
# What people do to rows, told by the rows that say so. The trigger says: what was done, the columns of who, of which
# row, and of why, the kind of that row, and the columns that are kept besides. `$x` in what was done is a column.
NOTE = """
CREATE FUNCTION stations_audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    told jsonb := to_jsonb(NEW);
    who bigint := (told ->> TG_ARGV[1])::bigint;
BEGIN
    INSERT INTO stations_auditentry
        (kind, actor_id, actor, action, about, about_id, name, reason, address, details)
    SELECT 'person', who, coalesce((SELECT username FROM auth_user WHERE id = who), ''),
        split_part(TG_ARGV[0], '$', 1) || coalesce(told ->> nullif(split_part(TG_ARGV[0], '$', 2), ''), ''),
        TG_ARGV[4], coalesce(told ->> TG_ARGV[2], ''), '',
        left(coalesce(told ->> TG_ARGV[3], ''), 300), '',
        coalesce((SELECT jsonb_object_agg(each, left(told ->> each, 500))
            FROM unnest(string_to_array(TG_ARGV[5], ',')) AS each), '{}');
    RETURN NULL;
END $$;
CREATE FUNCTION stations_audit_admin() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    told jsonb;
BEGIN
    BEGIN
        told := NEW.change_message::jsonb;
    EXCEPTION WHEN others THEN
        told := jsonb_build_array(NEW.change_message);
    END;
    INSERT INTO stations_auditentry
        (kind, actor_id, actor, action, about, about_id, name, reason, address, details)
    SELECT 'person', NEW.user_id, coalesce((SELECT username FROM auth_user WHERE id = NEW.user_id), ''),
        CASE NEW.action_flag WHEN 1 THEN 'added' WHEN 3 THEN 'deleted' ELSE 'changed' END,
        coalesce((SELECT app_label || '.' || model FROM django_content_type WHERE id = NEW.content_type_id), ''),
        left(coalesce(NEW.object_id, ''), 150), left(NEW.object_repr, 150),
        left(coalesce(jsonb_path_query_first(told, '$[*].reason') #>> '{}', ''), 300), '',
        jsonb_build_object('message', told);
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT ON django_admin_log FOR EACH ROW EXECUTE FUNCTION stations_audit_admin();
CREATE TRIGGER audited AFTER INSERT ON stations_fleetevent FOR EACH ROW WHEN (NEW.actor_id IS NOT NULL AND
    NEW.kind IN ('STRESSED', 'HEALED', 'PRICES_STOPPED', 'PRICES_RELEASED'))
    EXECUTE FUNCTION stations_audit_row('fleet $kind', 'actor_id', 'site_id', 'message', 'stations.site',
        'operator_id');
CREATE TRIGGER audited AFTER INSERT ON stations_job FOR EACH ROW WHEN (NEW.created_by_id IS NOT NULL)
    EXECUTE FUNCTION stations_audit_row('job $kind', 'created_by_id', 'id', '', 'stations.job', 'parameters,upload');
"""
NO_NOTE = """
DROP TRIGGER audited ON stations_job;
DROP TRIGGER audited ON stations_fleetevent;
DROP TRIGGER audited ON django_admin_log;
DROP FUNCTION stations_audit_admin();
DROP FUNCTION stations_audit_row();
"""


class Migration(migrations.Migration):
    """Who did what and why, in rows that are only ever added and that are chained by their hashes."""

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("stations", "0020_partner_news"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[("person", "Person"), ("key", "Partner's key"), ("", "Nobody known")],
                        max_length=6,
                        verbose_name="who is it",
                    ),
                ),
                ("actor_id", models.BigIntegerField(blank=True, null=True)),
                ("actor", models.CharField(blank=True, max_length=150, verbose_name="who")),
                ("action", models.CharField(max_length=60, verbose_name="what")),
                ("about", models.CharField(blank=True, max_length=60, verbose_name="kind of row")),
                ("about_id", models.CharField(blank=True, max_length=150, verbose_name="id")),
                ("name", models.CharField(blank=True, max_length=150, verbose_name="of what")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="why")),
                ("address", models.CharField(blank=True, max_length=45, verbose_name="from where")),
                ("details", models.JSONField(blank=True, default=dict)),
            ],
            options={"ordering": ["-pk"], "verbose_name": "audit entry", "verbose_name_plural": "audit log"},
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.BigIntegerField(unique=True)),
                ("previous", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64)),
            ],
            options={"ordering": ["position"]},
        ),
        migrations.RunSQL(CHAIN, NO_CHAIN),
        migrations.RunSQL(NOTE, NO_NOTE),
    ]
