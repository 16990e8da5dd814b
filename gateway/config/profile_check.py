"""Device models as installers write them: mistakes with their lines, and doubtful values."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from drivers.contract import BadProfile
from drivers.modbus.register_numbers import parse_register_number
from drivers.profile import Profile, ProfileFault, load_profile
from drivers.units import USUAL_UNITS, intended_unit
from gateway.errors import SettingsError
from gateway.toml import Decoder, Mistake, Phrase, read

UNITS_SHOWN = 12


def mistakes_of(error: BadProfile) -> tuple[Mistake, ...]:
    """The mistakes in the file that the error names, in the order of its lines."""
    file = Path(error.data["file"])
    try:
        document = read(file)
    except SettingsError as unread:
        mistakes: tuple[Mistake, ...] = unread.data["mistakes"]
        return mistakes
    decoder = Decoder(document)
    decoder.struct(Profile, document.table, ())
    for fault in () if decoder.mistakes else error.data["mistakes"]:
        if isinstance(fault, ProfileFault):
            decoder.blame(fault.path, fault.code, **fault.data)
        else:
            decoder.blame((), "settings.unfit", reason=str(fault))
    return tuple(sorted(decoder.mistakes, key=lambda mistake: mistake.line))


def profile_reasons(error: BadProfile) -> tuple[Phrase, ...]:
    """The same as phrases: line, key, mistake, remedy."""
    return tuple(
        Phrase(
            "profile.at" if mistake.path else "profile.at-line",
            {
                "line": mistake.line,
                "key": mistake.path,
                "what": Phrase(mistake.code, mistake.data),
                "remedy": Phrase(f"{mistake.code}-remedy", mistake.data),
            },
        )
        for mistake in mistakes_of(error)
    )


def data_in_words(error: BadProfile) -> dict[str, Any]:
    """The error's data with its reasons in words; unchanged if no file is to blame."""
    return (
        {**error.data, "mistakes": profile_reasons(error)} if "file" in error.data else error.data
    )


def unit_faults(profile: Profile) -> Iterator[Phrase]:
    """Units that are not UCUM, each with the unit that was probably meant."""
    for spec in profile.point:
        meant = intended_unit(spec.unit)
        if meant is None:
            continue
        data = {"profile": profile.id, "point": spec.id, "unit": spec.unit}
        if meant:
            yield Phrase("check.unit-slip", {**data, "meant": meant, "known": known_units()})
        else:
            yield Phrase("check.unit-unknown", {**data, "known": known_units()})


def known_units() -> str:
    """The most common units, as one text."""
    return ", ".join(list(USUAL_UNITS)[:UNITS_SHOWN]) + " …"


def doubtful_addresses(profile: Profile) -> Iterator[Phrase]:
    """Addresses that look like a manual's entry numbers, each with the address that was meant."""
    if profile.family != "modbus":
        return
    for spec in profile.point:
        meant = parse_register_number(spec.address)
        if meant is not None:
            data = {"profile": profile.id, "point": spec.id, "address": spec.address}
            yield Phrase("check.entry-number", {**data, "meant": meant.address, "kind": meant.kind})


def unused_profile_faults(own: Path, used: Collection[str]) -> Iterator[Phrase]:
    """Mistakes in the installer's own models that no device uses."""
    for name in sorted({path.stem for path in own.glob("*.toml")} - set(used)):
        try:
            profile = load_profile(own / f"{name}.toml")
        except BadProfile as error:
            data = {"file": str(own / f"{name}.toml"), "reason": profile_reasons(error)}
            yield Phrase("check.unused-model", data)
        else:
            yield from doubtful_addresses(profile)
            yield from unit_faults(profile)
