"""What a platform's receipts are worth is said wherever it is said how it stands."""

import msgspec
import pytest

from gateway.doctor.checks import platform
from gateway.health import Vitals
from gateway.texts import LANGUAGES
from gateway.web.healthz import assess_health
from gateway.web.i18n import CATALOGUES
from gateway.web.page_header import platform_mark
from tests.doctor.faults import HEALTHY
from tests.web.station import NORMAL

WORTHS = ["stored", "accepted", "transported"]


def vitals_with(worth: str) -> Vitals:
    """A station that is well and whose one platform has everything, by receipts of that worth."""
    lanes = tuple(msgspec.structs.replace(lane, waiting=0) for lane in NORMAL.lanes)
    uplink = msgspec.structs.replace(NORMAL.uplinks[0], worth=worth)
    return msgspec.structs.replace(NORMAL, lanes=lanes, uplinks=(uplink,))


@pytest.mark.parametrize("worth", WORTHS)
def test_signed_in_health_names_what_is_less_than_stored(worth: str) -> None:
    notes = assess_health(vitals_with(worth)).notes
    assert (f"uplink.district.{worth}" in notes) == (worth != "stored")


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_a_platform_that_stores_is_said_to_have_received(language: str) -> None:
    words = CATALOGUES[language]
    said = {worth: platform_mark(vitals_with(worth), words)[2] for worth in WORTHS}
    assert said["stored"] == words("web.platform-received")
    assert len({*said.values()}) == len(WORTHS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_live_page_has_a_word_for_each(language: str) -> None:
    words = CATALOGUES[language]
    assert len({words(f"live.worth-{worth}") for worth in WORTHS}) == len(WORTHS)


@pytest.mark.parametrize(
    ("worth", "code"),
    [
        ("stored", "doctor.uplink-good"),
        ("accepted", "doctor.uplink-accepted"),
        ("transported", "doctor.uplink-transported"),
    ],
)
def test_the_doctor_says_it(worth: str, code: str) -> None:
    running = msgspec.structs.replace(HEALTHY.running, vitals=vitals_with(worth))
    facts = msgspec.structs.replace(HEALTHY, running=running)
    (result,) = platform.uplinks(facts)
    assert result.code == code
    for language in LANGUAGES:
        assert "{" not in CATALOGUES[language](code, **result.data)
