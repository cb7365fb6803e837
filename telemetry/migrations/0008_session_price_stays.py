"""The price of a session is fixed at its start: the database itself refuses to change one that is known."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0007_diagnoses")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION telemetry_session_price_stays() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'The price of a session is fixed at its start: % cannot become %.', OLD.price, NEW.price
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'session_price_stays';
            END $$;
            CREATE TRIGGER session_price_stays BEFORE UPDATE OF price ON telemetry_chargingsession
                FOR EACH ROW WHEN (OLD.price IS NOT NULL AND NEW.price IS DISTINCT FROM OLD.price)
                EXECUTE FUNCTION telemetry_session_price_stays();
            """,
            """
            DROP TRIGGER session_price_stays ON telemetry_chargingsession;
            DROP FUNCTION telemetry_session_price_stays();
            """,
        )
    ]
