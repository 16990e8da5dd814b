from hypothesis import given
from hypothesis import strategies as st

from gateway.discovery.dns_sd import (
    LABEL_BYTES_MAX,
    StationCard,
    instance_name,
    parse_txt_record,
    txt_record,
)

CARD = StationCard(
    id="wangjing-07", name="望京西园三区驿站", version="0.1.0", state="ready", port=8443
)


def txt_of(card: StationCard) -> dict[bytes, bytes | None]:
    return {key.encode(): value.encode() for key, value in txt_record(card).items()}


def test_what_is_said_is_read_back() -> None:
    found = parse_txt_record(
        instance_name(CARD.id, CARD.name),
        txt_of(CARD),
        host="wangjing-07.local.",
        addresses=("192.0.2.9",),
        port=8443,
    )
    assert (found.id, found.name, found.version, found.state) == (
        "wangjing-07",
        "望京西园三区驿站",
        "0.1.0",
        "ready",
    )
    assert found.url == "https://wangjing-07.local:8443/desk/"
    assert not found.is_renamed


def test_a_second_station_of_one_id_is_noticed() -> None:
    found = parse_txt_record(
        "望京西园三区驿站 wangjing-07-2", txt_of(CARD), host="h.", addresses=(), port=1
    )
    assert found.is_renamed


@given(st.text(max_size=200), st.from_regex(r"\A[a-z0-9-]{1,40}\Z"))
def test_a_label_is_one_label_whatever_the_name(name: str, station: str) -> None:
    made = instance_name(station, name)
    assert 0 < len(made.encode()) <= LABEL_BYTES_MAX
    assert made.endswith(station)
    assert "." not in made


@given(st.text(max_size=300))
def test_every_string_of_the_record_fits(name: str) -> None:
    said = txt_record(StationCard(id="a", name=name, version="1", state="fault", port=1))
    assert all(len(f"{key}={value}".encode()) <= 255 for key, value in said.items())
    assert all(len(key) <= 9 for key in said)


@given(st.dictionaries(st.binary(max_size=9), st.none() | st.binary(max_size=80), max_size=9))
def test_whatever_stands_in_a_strangers_record_can_be_shown(txt) -> None:
    found = parse_txt_record("x\x1b[2J", txt, host="h\x07.", addresses=(), port=0)
    shown = (found.instance, found.id, found.name, found.version, found.host, found.path)
    assert all(text.isprintable() for text in shown)
    assert found.path.startswith("/")
