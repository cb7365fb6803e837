"""Which versions are spoken, and where each module of a version is."""

from .frame import VERSIONS, address, check_version, speaks

MODULES = {"2.2.1": ("credentials", "locations", "tariffs", "sessions", "cdrs"), "2.3.0": ("credentials", "locations")}


@speaks("GET")
def versions(request, connection):
    """All versions."""
    return [{"version": version, "url": address(request, version)} for version in VERSIONS]


@speaks("GET")
def details(request, connection, version: str):
    """The modules of a version; we are the sender of all but the credentials."""
    check_version(version)
    endpoints = [
        {
            "identifier": module,
            "role": "RECEIVER" if module == "credentials" else "SENDER",
            "url": address(request, f"{version}/{module}"),
        }
        for module in MODULES[version]
    ]
    return {"version": version, "endpoints": endpoints}
