"""The names of serial adapters, by udev itself over a /sys of the test's own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PORT = "/dev/yizhan/port-platform-3f980000_usb-usb-0_1_{socket}_1_{port}"


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """All adapters plugged in, once; it needs `unshare` and udev, and root as the proofs do."""
    played = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", sys.executable),
            *("-m", "tests.install.udev", str(ROOT / "systemd/udev.rules")),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stderr
    found: dict[str, Any] = json.loads(played.stdout)
    return found


def named(told: dict[str, Any], adapter: str) -> list[list[str]]:
    return [port["names"] for port in told[adapter]]


def test_a_number_stays_in_whatever_socket(told: dict[str, Any]) -> None:
    port = PORT.format(socket=1, port=0)
    assert named(told, "numbered") == [[port, "/dev/yizhan/serial-A50285BI"]]


def test_four_ports_of_one_adapter_are_told_apart(told: dict[str, Any]) -> None:
    assert [each[1] for each in named(told, "four ports")] == [
        "/dev/yizhan/serial-FT5ABCDE",
        *(f"/dev/yizhan/serial-FT5ABCDE-if0{n}" for n in (1, 2, 3)),
    ]


def test_what_has_no_number_is_named_after_its_socket(told: dict[str, Any]) -> None:
    assert named(told, "no number") == [[PORT.format(socket=3, port=0)]]


def test_two_with_the_same_number_have_names_of_their_own(told: dict[str, Any]) -> None:
    one, two = named(told, "same number, one")[0], named(told, "same number, two")[0]
    assert set(one) & set(two) == {"/dev/yizhan/serial-0001"}
    assert {one[0], two[0]} == {PORT.format(socket=n, port=0) for n in (4, 5)}


def test_meters_are_not_probed_and_a_modem_is_left_to_its_manager(told: dict[str, Any]) -> None:
    ours = {name: [port["ours"] for port in ports] for name, ports in told.items()}
    assert ours.pop("modem") == [False]
    assert ours.pop("uart") == [False]
    assert all(all(each) for each in ours.values())


def test_an_ftdi_adapter_answers_quickly(told: dict[str, Any]) -> None:
    quick = {name for name, ports in told.items() if ports[0].get("quick")}
    assert quick == {"numbered", "four ports"}


def test_the_pis_own_uart(told: dict[str, Any]) -> None:
    assert named(told, "uart") == [["/dev/yizhan/uart"]]
