"""The demo's two files, written from `config/demo/`: the field's and the station's."""

from pathlib import Path
from typing import NamedTuple

from drivers.data_files import config_path
from gateway.demo.platform.signing_keys import CommandSigner


class DemoPorts(NamedTuple):
    """Where the demo's programs listen, all on loopback."""

    station: int
    platform: int
    panel: int
    gateway: int
    office: int
    dispatcher: int


PORTS = DemoPorts(
    station=8080, platform=9080, panel=9081, gateway=1502, office=9443, dispatcher=9082
)


HEARS, DEAF = 'microphone = "hall"', "# 这台机器没有话筒：报修时没有“说几句”这一步"
MICROPHONE = '\n[microphone.hall]\nname = "大厅一体机的话筒"\n'


def has_microphone() -> bool:
    """Whether ALSA has anything to record from on this machine."""
    return any(Path("/dev/snd").glob("pcmC*c"))


def write_settings(folder: Path, ports: DemoPorts, *, air: bool, microphone: bool = False) -> None:
    """Write `field.toml` and `config/station.toml` into the demo's folder.

    The station is given the sensors in the air only where there is an `air`, and its kiosk's
    visitors may speak only where the machine has a microphone.
    """
    (folder / "config").mkdir(parents=True, exist_ok=True)
    run_folder = folder / "run"
    run_folder.mkdir(exist_ok=True)
    for name, target in (("field.toml", folder), ("station.toml", folder / "config")):
        text = config_path("demo", name).read_text("utf-8")
        text = text.replace("@RUN@", str(run_folder))
        text = text.replace("@COMMAND_KEY@", CommandSigner(folder / "platform").signer.public)
        for which, port in ports._asdict().items():
            text = text.replace(f"@{which.upper()}@", str(port))
        text = text.replace("@HEARS@", HEARS if microphone else DEAF)
        if name == "station.toml" and microphone:
            text += MICROPHONE
        if name == "station.toml" and air:
            text += config_path("demo", "air.toml").read_text("utf-8")
        (target / name).write_text(text, "utf-8")
