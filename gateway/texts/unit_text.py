"""UCUM codes in the form that people write."""

# Units whose common form differs from their code.
WRITTEN = {
    "1": "",
    "Cel": "°C",
    "kW.h": "kWh",
    "MW.h": "MWh",
    "kV.A": "kVA",
    "V.A": "VA",
    "kvar.h": "kvarh",
    "m3": "m³",
    "m3/h": "m³/h",
    "L/h": "L/h",
    "Ohm": "Ω",
    "ug/m3": "µg/m³",
    "[ppm]": "ppm",
    "%[LEL]": "%LEL",
    "deg": "°",
    "dB[mW]": "dBm",
}


def unit_text(ucum: str) -> str:
    """A UCUM code as people write it."""
    return WRITTEN.get(ucum, ucum)
