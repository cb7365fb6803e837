"""Settings of the partner API: how DRF and the contract's generator behave, and how often a caller may call."""

import environ

env = environ.Env()

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "sntry_site.api.access.KeyAuthentication",
        "sntry_site.api.access.StaffAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["sntry_site.api.access.Allowed"],
    "DEFAULT_PARSER_CLASSES": ["sntry_site.api.bodies.StrictJson"],
    "DEFAULT_RENDERER_CLASSES": ["sntry_site.api.bodies.Json"],
    "DEFAULT_SCHEMA_CLASS": "sntry_site.api.schema.Contract",
    "EXCEPTION_HANDLER": "sntry_site.api.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Sntry partner API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["sntry_site.api.schema.security"],
    "PREPROCESSING_HOOKS": ["sntry_site.api.schema.of_the_api"],
    "DESCRIPTION": "Ids, times in UTC with Z, money as text. See docs/api.md for the rules that hold everywhere.",
}

# For development and tests: webhooks and OCPI may then call http, any port and private addresses.
PRIVATE_RECEIVERS = env.bool("PRIVATE_RECEIVERS", default=False)

# Class of endpoints -> calls at once, and the seconds in which so many are free again; for each key or account.
API_LIMITS = {
    "read": (env.int("API_READS_PER_MINUTE", default=1200), 60),
    "write": (env.int("API_WRITES_PER_MINUTE", default=120), 60),
    "ingest": (env.int("API_INGESTS_PER_MINUTE", default=600), 60),
    "heavy": (env.int("API_HEAVY_PER_MINUTE", default=30), 60),
    "stranger": (env.int("API_STRANGERS_PER_MINUTE", default=60), 60),  # of an address: refused for want of a key
}
