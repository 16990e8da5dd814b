"""The control socket: the same API, for root and the station's own user, and nobody else."""

import asyncio
import contextlib
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector

from gateway.clock import boot
from gateway.errors import Unavailable
from gateway.web import control_socket
from gateway.web.connection_admission import SocketPeer, may_control, socket_peer
from tests.conftest import OWN_DIRECTORY
from tests.web.station import station

NOBODY = 65_534


@pytest.mark.parametrize(
    ("uid", "own", "allowed"), [(0, 1000, True), (1000, 1000, True), (1001, 1000, False),
                                (NOBODY, 0, False)]
)  # fmt: skip
def test_root_and_the_same_user_may(uid: int, own: int, allowed: bool) -> None:
    assert may_control(SocketPeer(1, uid, uid), own) is allowed


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert socket_peer(here) == SocketPeer(os.getpid(), os.getuid(), os.getgid())


async def test_it_speaks_the_same_api_and_may_more(tmp_path: Path) -> None:
    path = tmp_path / control_socket.NAME
    async with station(control=path) as made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with (
            ClientSession(connector=UnixConnector(str(path))) as client,
            client.get("http://station/api/v1/lanes") as response,
        ):
            assert response.status == 200
            by_socket = await response.json()
        async with made.client.get("/api/v1/lanes") as response:
            assert await response.json() == by_socket
    assert not path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_somebody_else_is_refused_even_if_the_file_lets_them() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - a string, and nothing to wait for
        path = Path(folder) / control_socket.NAME
        async with station(control=path):
            path.chmod(0o666)
            line = socket.socket(socket.AF_UNIX)
            os.seteuid(NOBODY)  # the kernel notes who connects, not who writes
            try:
                line.connect(str(path))
            finally:
                os.seteuid(0)
            reader, writer = await asyncio.open_unix_connection(sock=line)
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
            writer.close()


async def test_a_socket_left_behind_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / control_socket.NAME
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with station(control=path):
        with pytest.raises(Unavailable) as held:
            async with station(control=path):
                pass
        assert held.value.code == "web.control-held"
        async with (
            ClientSession(connector=UnixConnector(str(path))) as client,
            client.get("http://station/healthz") as response,
        ):
            assert response.status == 200


async def test_a_place_where_no_socket_can_be_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent" / "control.sock", tmp_path / ("x" * 120)):
        with pytest.raises(Unavailable) as refused:
            async with station(control=path):
                pass
        assert refused.value.code == "web.control-refused"
        assert refused.value.data["path"] == str(path)


def test_the_runtime_directory_is_systemds_first() -> None:
    assert control_socket.choose_socket_path(
        {"RUNTIME_DIRECTORY": "/run/yizhan:/run/other"}
    ) == Path("/run/yizhan/control.sock")


def test_by_hand_it_lies_where_the_other_commands_look_and_is_ours_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "user_run_directory", lambda _: tmp_path / "own")
    path = control_socket.choose_socket_path({})
    assert path == boot.control_sockets({})[0] == tmp_path / "own" / control_socket.NAME
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    assert control_socket.choose_socket_path({}) is None, "others may look into it"
    path.parent.chmod(0o700)
    with contextlib.closing(control_socket.bind_socket(path)) as living:
        living.listen()
        assert control_socket.choose_socket_path({}) is None, "another station has it"
    path.unlink()
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    assert control_socket.choose_socket_path({}) is None, "whoever owns the link could move it"


def test_a_directory_of_ones_own_is_asked_for_before_the_usual_one(tmp_path: Path) -> None:
    asked = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert OWN_DIRECTORY(asked) == tmp_path / "yizhan"
    assert OWN_DIRECTORY({"XDG_RUNTIME_DIR": "/nowhere"}).name == f"yizhan-{os.getuid()}"
    assert boot.control_sockets({})[1] == Path("/run/yizhan/control.sock")
    assert boot.control_sockets({"RUNTIME_DIRECTORY": "/run/a"}) == (Path("/run/a/control.sock"),)
