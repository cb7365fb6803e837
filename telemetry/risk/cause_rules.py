"""What codes and the site say of a cause by themselves, the site before the port: a supply or line that all share."""

import numpy as np

from .cause_evidence import Failures
from .taxonomy import CAUSE_OF_ERROR_CODE, CAUSE_OF_VENDOR_CODE, UNKNOWN

MOST_OF_SITE = 0.75  # share of the other ports that stop with it
HOT_C, BUSY = 35.0, 0.6  # outside, and the share of ports in use: heat under load
NO_RULE = ""


def by_rules(failures: Failures) -> tuple[np.ndarray, np.ndarray]:
    """Cause (n,) by the first rule that fits, NO_RULE where none does, and what it was told from, in words.

    In order: all ports of a site silent at once (supply, or its line where they name that); the vendor's code; the
    code of OCPP where it has one meaning; silence without any code.
    """
    together = (failures.column("siblings_at_once") >= MOST_OF_SITE) & (failures.column("is_offline") > 0)
    vendor = _looked_up(failures.vendor_code, CAUSE_OF_VENDOR_CODE)
    error = _looked_up(failures.error_code, CAUSE_OF_ERROR_CODE)
    names_line = (vendor == "comms_backhaul") | (error == "comms_backhaul")
    no_code = np.isin(failures.error_code, ("", "NoError")) & (failures.vendor_code == "")
    silent = (failures.column("is_offline") > 0) & no_code
    share = np.char.mod("%.0f %%", 100 * failures.column("siblings_at_once"))
    cases = (
        (together & ~names_line, "grid_supply", np.char.add(share, " of the site's other ports fell silent with it")),
        (together, "comms_backhaul", np.char.add(share, " of the site's other ports lost their line with it")),
        (vendor != NO_RULE, vendor, np.char.add("the vendor's code ", failures.vendor_code)),
        (error != NO_RULE, error, np.char.add("the error code ", failures.error_code)),
        (silent, "comms_backhaul", np.full(len(failures), "it fell silent without a code")),
    )
    cause, said = np.full(len(failures), NO_RULE, "U20"), np.full(len(failures), "", "U120")
    for fits, which, why in cases:
        rows = fits & (cause == NO_RULE)
        cause[rows] = which[rows] if isinstance(which, np.ndarray) else which
        said[rows] = why[rows]
    return cause, said


def by_codes(vendor_code: str, error_code: str) -> str:
    """The cause for which the vendor's code or else that of OCPP speaks alone; UNKNOWN where neither does."""
    return CAUSE_OF_VENDOR_CODE.get(vendor_code) or CAUSE_OF_ERROR_CODE.get(error_code) or UNKNOWN


def expected_by_rules(load: np.ndarray, ambient_c: np.ndarray) -> np.ndarray:
    """Cause (n,) that is expected at sites at risk while no model tells: cooling where heat meets load."""
    return np.where((ambient_c >= HOT_C) & (load >= BUSY), "cooling_thermal", UNKNOWN)


def _looked_up(codes: np.ndarray, table: dict[str, str]) -> np.ndarray:
    names, place = np.unique(codes, return_inverse=True)
    return np.array([table.get(name, NO_RULE) for name in names.tolist()], "U20")[place]
