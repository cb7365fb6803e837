"""Every number of the simulated world that is not in the table of causes, with its unit and where it comes from."""

from dataclasses import dataclass, field, fields, replace

STEP_HOURS = 0.5


def _number(value: float, unit: str, source: str = "assumption"):
    return field(default=value, metadata={"unit": unit, "source": source})


@dataclass(frozen=True)
class Heat:
    """Cabinets and connectors."""

    rise_k: float = _number(45, "K above ambient at full load, clean filters")
    power_share: float = _number(0.75, "of rated power, mean of a session's heat", "assumption; 1 where load is held")
    blocked: float = _number(0.35, "share of heat added while hot air stays about the cabinets")
    rise_spread: float = _number(0.06, "sd of log, between units", "assumption; .18 trips clean units all summer")
    dc_hours: float = _number(1.2, "h, time constant of a DC cabinet")
    level_2_hours: float = _number(0.5, "h, time constant of a Level 2 cabinet")
    fouling_per_hour: float = _number(
        2.5e-5, "1/h at full load and 40 °C", "assumption; 2.5e-4 doubles the heat in 6 months"
    )
    fouling_per_k: float = _number(0.03, "1/K")
    fouling_most: float = _number(0.25, "share of heat added, at most")
    contact_milliohm: float = _number(0.1, "mOhm, new contact", "4 W at 200 A, 25 W at 500 A")
    contact_k_per_w: float = _number(1.5, "K/W, so that .3 mOhm at 350 A reaches the derating limit of 80 °C")
    contact_cycles: float = _number(10_000, "cycles until the contact has three times its resistance")
    contact_minutes: float = _number(10, "min, time constant of a connector")


@dataclass(frozen=True)
class Effects:
    """How strongly a state drives a cause's hazard: exponents of the log-linear laws. All zero in `null`."""

    frailty_variance: float = _number(6.0, "of the frailty a port's causes share", "calibrated: top tenth, half")
    frailty_most: float = _number(30.0, "times, a port's frailty at most")
    signal: float = _number(0.9, "log hazard of comms_backhaul per sd of bad signal")
    moisture: float = _number(1.6, "log hazard of ground_gfci, soaked against dry")
    display_heat: float = _number(0.04, "log hazard of hmi_display per K of ambient above 20 °C")
    display_age: float = _number(0.3, "log hazard of hmi_display per log age", "Weibull shape 1.3")
    cable_cycles: float = _number(1.2, "log hazard of connector_cable per log cycles", "Weibull shape 2.2")
    lock_cycles: float = _number(0.8, "log hazard of connector_lock per log cycles", "Weibull shape 1.8")
    contactor_cycles: float = _number(1.5, "log hazard of contactor_weld per log switchings", "Weibull shape 2.5")
    module_energy_ev: float = _number(0.7, "eV, activation energy of power_module", "Arrhenius: x2.2-2.4 per 10 K")
    module_swing: float = _number(1.0, "log hazard of power_module per log swing", "reference 3.5 per cycle, damped")
    service_age: float = _number(1.0, "log hazard of cooling_thermal per log time since service", "Weibull shape 2")
    wear_per_hour: float = _number(6e-5, "1/h, thermal wear at 55 °C in the cabinet", "recommended start")
    wear_per_k: float = _number(0.16, "1/K, log of thermal wear", "recommended start; stands for trip thresholds")
    trip_per_hour: float = _number(6.0, "1/h, protective shutdown far above the limit")
    trip_limit_c: float = _number(76.0, "°C in the cabinet", "about 75, per unit")
    trip_spread_k: float = _number(1.0, "K, sd of the limit between units")
    trip_width_k: float = _number(0.7, "K, width of the logistic step")
    shock: float = _number(60.0, "times the rate of firmware_hang while a version is in trouble")
    shock_hours: float = _number(6.0, "h a firmware shock lasts")
    shock_every_days: float = _number(45.0, "days between shocks of a version")
    night: float = _number(0.7, "log hazard of vandal_impact by night")
    urban: float = _number(0.7, "log hazard of vandal_impact in an urban centre")
    warned: float = _number(1.0, "times each cause's share of announced failures")
    lead_hours: float = _number(30.0, "h, mean time from the first precursor to the failure")
    kinds: float = _number(1.0, "1: DC and Level 2 differ in their rates; 0: both fail at their mean")
    silence: float = _number(1.0, "1: what alarms nothing is found by failed starts; 0: it is told at once")


@dataclass(frozen=True)
class Repair:
    """From failure to use again."""

    alarm_minutes: float = _number(5, "min until an alarm is seen")
    failed_starts: float = _number(3, "failed starts until a silent fault is seen")
    looked_at_days: float = _number(7, "days after which a silent fault is found by the way")
    triage_minutes: float = _number(15, "min, median")
    triage_spread: float = _number(0.8, "sd of log")
    remote_minutes: float = _number(20, "min, median of a remote repair")
    remote_spread: float = _number(0.8, "sd of log")
    dispatch_hours: float = _number(30, "h, median until a technician is there", "field: 24-48 h")
    dispatch_spread: float = _number(0.8, "sd of log")
    parts_share: float = _number(0.2, "share of visits that wait for parts")
    parts_days: float = _number(6, "days, median wait for parts")
    parts_spread: float = _number(0.6, "sd of log")
    onsite_spread: float = _number(0.35, "coefficient of variation of the minutes on site")
    comms_log_hours: float = _number(-0.03, "mean of log h of a lost connection", "SFU")
    comms_log_spread: float = _number(2.29, "sd of log", "SFU")
    trip_hours: float = _number(1.5, "h, median until a tripped cabinet is cool enough to restart")
    trip_remote_share: float = _number(0.93, "share of trips that a restart clears")
    longest_days: float = _number(60, "days, no repair takes longer")
    upkeep_days: float = _number(120, "days between planned services of a charger")
    upkeep_hours: float = _number(2, "h, mean length of a planned service")


@dataclass(frozen=True)
class Use:
    """Cars, sessions and prices."""

    session_spread: float = _number(0.35, "sd of log session length")
    patience_share: float = _number(0.5, "share of waiting cars still there half an hour later")
    failed_starts: float = _number(0.03, "share of starts that fail at a sound charger")
    failed_shares: tuple = _number(
        (0.42, 0.46, 0.04, 0.08), "connectivity, internal, connector, other", "field: 55 : 38 : 4 with the rest"
    )
    failed_per_signal: float = _number(0.015, "failed starts per sd of bad signal")
    failed_in_trouble: float = _number(0.25, "share of starts that fail at a charger in trouble")
    elasticity: float = _number(-0.76, "of demand to price", "city-wide mean of the Shenzhen study")
    moved_share: float = _number(0.5, "of the demand lost to a price that looks for a neighbour")
    neighbour_km: float = _number(3.45, "km, farthest neighbour that takes it", "reroute distance of the formulas")


@dataclass(frozen=True)
class Scenario:
    """A named configuration of the world; `rates` and `repair_times` multiply the table's."""

    name: str
    rates: float
    repair_times: float
    lowest_availability: float
    highest_availability: float
    heat: Heat = Heat()
    effects: Effects = Effects()
    repair: Repair = Repair()
    use: Use = Use()


_NO_EFFECTS = replace(
    Effects(),
    **dict.fromkeys((
        "frailty_variance", "signal", "moisture", "display_heat", "display_age", "cable_cycles", "lock_cycles",
        "contactor_cycles", "module_energy_ev", "module_swing", "service_age", "wear_per_hour", "trip_per_hour",
        "shock", "night", "urban", "warned", "kinds", "silence",
    ), 0.0),
)  # fmt: skip
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("good", 0.5, 0.7, 0.97, 0.99),
        Scenario("typical", 1.0, 1.0, 0.92, 0.96),
        Scenario("poor", 5.2, 1.9, 0.75, 0.85, effects=Effects(frailty_variance=9.0), use=Use(failed_starts=0.06)),
        Scenario("null", 1.0, 1.0, 0.92, 0.99, effects=_NO_EFFECTS),
    )
}


def parameter_rows(scenario: Scenario) -> list[tuple[str, str, float, str, str]]:
    """(group, name, value, unit, source) of every number of the groups, in their order."""
    return [
        (group, one.name, getattr(values, one.name), one.metadata["unit"], one.metadata["source"])
        for group in ("heat", "effects", "repair", "use")
        for values in (getattr(scenario, group),)
        for one in fields(values)
    ]
