"""`yizhan journal`, at rest and beside a running station."""

import http.server
import json
import socketserver
import threading
import urllib.parse

import pytest

from gateway.cli import main
from gateway.event import Lane, encode_envelope, encode_tail
from gateway.journal import StateChange, core_factory
from gateway.journal.append_request import AppendRequest
from tests.sim.clock import SimulatedClock
from tests.sim.journal import SMALL, STATION, fact, open_core, read_all


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A journal at rest: thirty readings, three alarms."""
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    core = core_factory.open_core(
        tmp_path, station=STATION, options=SMALL, clock=SimulatedClock(), retaining=()
    )
    core.commit([bodies(Lane.TELEMETRY, 30), bodies(Lane.ALARM, 3)])
    core.commit([AppendRequest((), (StateChange("alarm", "a", b"1"),))])
    core.close()
    return tmp_path


def bodies(lane, count):
    return AppendRequest(tuple((lane, encode_tail(fact(lane, n), STATION)) for n in range(count)))


def lines(capfdbinary):
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_stats_say_how_far_each_lane_is(state, capsys):
    assert main(["journal", "stats", "--state", str(state), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["lanes"] == {"emergency": 0, "alarm": 3, "service": 0, "telemetry": 30}
    assert main(["journal", "stats", "--state", str(state)]) == 0
    assert figures["epoch"] in capsys.readouterr().out


def test_tail_shows_the_latest_of_each_lane(state, capfdbinary):
    assert main(["journal", "tail", "--state", str(state), "-n", "2"]) == 0
    events = lines(capfdbinary)
    assert [(event["lane"], int(event["sequence"])) for event in events] == [
        ("alarm", 2), ("alarm", 3), ("telemetry", 29), ("telemetry", 30),
    ]  # fmt: skip
    assert events[0]["id"].startswith(f"{STATION}:")


def test_export_gives_every_entry_once(state, capfdbinary):
    command = ["journal", "export", "--state", str(state), "--lane", "telemetry", "--after", "5"]
    assert main(command) == 0
    assert [event["data"]["n"] for event in lines(capfdbinary)] == list(range(5, 30))


def test_verify_finds_nothing_wrong(state, capsys):
    assert main(["journal", "verify", "--state", str(state), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("audit") == {"first": 0, "last": 0, "acts": 0, "lost": 0, "broken": None}
    assert told == {"found": {"journal.entries": 33}, "complaints": [], "ok": True}
    assert main(["journal", "verify", "--state", str(state)]) == 0


def test_verify_finds_one_changed_byte(state, capsys):
    path = state / "journal.db"
    content = path.read_bytes()
    at = content.index(b'"n":1,')
    path.write_bytes(content[:at] + b'"n":7,' + content[at + 6 :])
    path.with_name("journal.db-wal").unlink()
    assert main(["journal", "verify", "--state", str(state), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["found"]["journal.gap-damaged"] == 1
    assert main(["journal", "verify", "--state", str(state)]) == 1


def test_salvage_reads_what_is_whole_in_a_wreck(state, capfdbinary):
    path = state / "journal.db"
    content = path.read_bytes()
    path.with_name("journal.db-wal").unlink()
    path.write_bytes(bytes(100) + content[100:])
    assert main(["journal", "salvage", str(path)]) == 0
    assert len(lines(capfdbinary)) == 33
    aside = state / "journal.damaged.db"
    path.rename(aside)
    assert main(["journal", "salvage", str(aside), "--epoch", "0" * 16]) == 0  # its own is found
    aside.write_bytes(b"nothing")
    assert main(["journal", "salvage", str(aside)]) == 1


@pytest.mark.parametrize("command", [["stats", "--state", "."], ["salvage", "nowhere.db"]])
def test_where_there_is_no_journal_it_says_so(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert main(["journal", *command]) == 1
    assert "there is no journal in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_journal_in_use_is_not_touched(state, capsys):
    core = core_factory.open_core(state, station=STATION, options=SMALL, clock=SimulatedClock())
    assert main(["journal", "verify", "--state", str(state)]) == 1
    assert "in use by process" in capsys.readouterr().err
    core.close()


class Station(http.server.BaseHTTPRequestHandler):
    """The two addresses of a running station that the command asks."""

    protocol_version = "HTTP/1.1"
    core = None

    def do_GET(self):
        asked = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(asked.query))
        if asked.path == "/api/v1/vitals":
            heads = self.core.heads().items()
            answer = json.dumps(
                {
                    "journal": {
                        "epoch": "e" * 16,
                        "volatile": False,
                        "used_bytes": 1,
                        "evicted": 0,
                    },
                    "lanes": [{"lane": lane.wire, "issued": head} for lane, head in heads],
                }
            ).encode()
        elif asked.path == "/api/v1/audit/head":
            answer = json.dumps({"n": 0, "seal": "0" * 64}).encode()
        else:
            lane = Lane.parse(query["lane"])
            found = read_all(self.core, lane, int(query["after"]))[: int(query["limit"])]
            answer = b"[" + b",".join(encode_envelope(entry, STATION) for entry in found) + b"]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def running(tmp_path, monkeypatch):
    """A station behind the control socket, with 450 readings."""
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    Station.core = open_core(None)
    Station.core.commit([bodies(Lane.TELEMETRY, 450)])
    with socketserver.UnixStreamServer(str(tmp_path / "control.sock"), Station) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield tmp_path
        server.shutdown()
        thread.join()
    Station.core.abandon()


def test_a_running_station_is_asked(running, capfdbinary):
    assert main(["journal", "export"]) == 0
    assert [event["data"]["n"] for event in lines(capfdbinary)] == list(range(450))
    assert main(["journal", "tail", "-n", "1", "--lane", "telemetry"]) == 0
    assert [event["data"]["n"] for event in lines(capfdbinary)] == [449]
    assert main(["journal", "stats", "--json"]) == 0
    assert lines(capfdbinary)[0]["lanes"]["telemetry"] == 450
    assert main(["journal", "verify"]) == 0


def test_a_socket_left_behind_does_not_hide_the_file(state, monkeypatch, capsys):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(state))
    with socketserver.UnixStreamServer(str(state / "control.sock"), Station):
        pass
    assert main(["journal", "stats", "--state", str(state)]) == 0


@pytest.mark.parametrize("arguments", [[], ["tail", "--lane", "nonsense"], ["salvage"]])
def test_wrong_use_is_2(arguments):
    with pytest.raises(SystemExit) as ended:
        main(["journal", *arguments])
    assert ended.value.code == 2


def test_every_task_has_help(capsys):
    for task in ("stats", "tail", "verify", "export", "salvage"):
        with pytest.raises(SystemExit) as ended:
            main(["journal", task, "--help"])
        assert ended.value.code == 0
