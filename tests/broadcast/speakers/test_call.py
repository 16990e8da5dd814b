"""One SIP call without a network: lost datagrams, refusals, and every garbage."""

import random

from hypothesis import given
from hypothesis import strategies as st

from broadcast.speakers import sdp
from broadcast.speakers.sip.call import LEAVING_FRAMES, TABLE, SipCall, SipCallEvent, SipCallState
from broadcast.speakers.sip.message import SipDialog, build_response, parse_message

WAIT = 150


def call() -> SipCall:
    made = SipCall(
        "sip:horn@127.0.0.1:5060", "127.0.0.1:5062", sdp.SdpMedia("127.0.0.1", 4000, "pcma"), WAIT,
        random.Random(1),
    )  # fmt: skip
    made.invite()
    return made


def reply(to: bytes, status: int, body: str = "", tag: str = ";tag=abc") -> bytes:
    """The horn's answer to a request of ours."""
    request = parse_message(to)
    assert request is not None
    text = build_response(request, status, "X").decode().replace("\r\n\r\n", "\r\n")
    text = text.replace(f"To: {request.headers['to']}", f"To: {request.headers['to']}{tag}")
    return (text + "Contact: <sip:horn@127.0.0.1:5070>\r\n\r\n" + body).encode()


ANSWER = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 7000 RTP/AVP 8\r\n"


def taken(made: SipCall) -> list[str]:
    methods = [packet.split(b" ")[0].decode() for packet in made.out]
    made.out.clear()
    return methods


def test_a_call_is_offered_answered_and_ended() -> None:
    made = call()
    invite = made.out[0]
    assert b"answer-after=0" in invite
    assert b"m=audio 4000 RTP/AVP 8" in invite
    assert taken(made) == ["INVITE"]
    made.handle_packet(reply(invite, 180))
    assert made.stage is SipCallState.RINGING
    made.handle_packet(reply(invite, 200, ANSWER))
    assert (made.stage, made.media) == (SipCallState.TALKING, ("127.0.0.1", 7000))
    assert made.out[0].startswith(b"ACK sip:horn@127.0.0.1:5070 SIP/2.0")
    assert taken(made) == ["ACK"]
    made.hang_up()
    bye = made.out[0]
    assert b"To: <sip:horn@127.0.0.1:5060>;tag=abc" in bye
    made.handle_packet(reply(bye, 200))
    assert made.stage is SipCallState.OVER


def test_what_is_lost_is_sent_again_and_given_up_in_time() -> None:
    made = call()
    taken(made)
    sent = []
    for frame in range(WAIT):
        made.tick()
        sent += [(frame + 1, method) for method in taken(made)]
    assert sent == [(25, "INVITE"), (50, "INVITE"), (100, "INVITE"), (WAIT, "CANCEL")]
    assert (made.stage, made.status) == (SipCallState.OVER, 487)


def test_a_second_ok_is_acknowledged_again_and_a_late_one_too() -> None:
    made = call()
    invite = made.out[0]
    taken(made)
    for _ in range(2):
        made.handle_packet(reply(invite, 200, ANSWER))
        assert taken(made) == ["ACK"]
    made.hang_up()
    taken(made)
    made.handle_packet(reply(invite, 200, ANSWER))
    assert taken(made) == ["ACK"]
    assert made.stage is SipCallState.LEAVING
    for _ in range(LEAVING_FRAMES):
        made.tick()
    assert made.stage is SipCallState.OVER


def test_a_no_is_acknowledged_and_remembered() -> None:
    made = call()
    invite = made.out[0]
    taken(made)
    made.handle_packet(reply(invite, 486))
    assert (made.stage, made.status, taken(made)) == (SipCallState.OVER, 486, ["ACK"])


def test_a_yes_without_a_place_for_the_sound_is_hung_up() -> None:
    made = call()
    invite = made.out[0]
    taken(made)
    made.handle_packet(reply(invite, 200, "v=0\r\nm=audio 0 RTP/AVP 8\r\n"))
    assert taken(made) == ["ACK", "BYE"]


def test_the_other_side_may_hang_up_and_strangers_may_not() -> None:
    made = call()
    invite = made.out[0]
    made.handle_packet(reply(invite, 200, ANSWER))
    taken(made)
    stranger = SipDialog.begin("sip:a@127.0.0.1", "127.0.0.1:1", "f" * 24).request("BYE", 2, "1")
    made.handle_packet(stranger)
    assert made.stage is SipCallState.TALKING
    assert made.out[0].startswith(b"SIP/2.0 481")
    ours = parse_message(invite)
    assert ours is not None
    made.handle_packet(
        stranger.replace(b"f" * 24 + b"@127.0.0.1", ours.headers["call-id"].encode())
    )
    assert made.stage is SipCallState.OVER
    assert made.out[-1].startswith(b"SIP/2.0 200")


@given(st.binary(max_size=300), st.sampled_from(["", "SIP/2.0 200 OK\r\n", "BYE x SIP/2.0\r\n"]))
def test_garbage_moves_nothing_and_raises_nothing(garbage: bytes, head: str) -> None:
    made = call()
    made.handle_packet(head.encode() + garbage)
    assert made.stage is SipCallState.CALLING


@given(st.text(max_size=200))
def test_any_answered_description_is_a_place_or_none(text: str) -> None:
    place = sdp.parse_answer("c=IN IP4 10.0.0.1\r\nm=audio " + text)
    assert place is None or 0 < place[1] < 65536


def test_every_stage_but_the_last_can_be_left() -> None:
    assert {stage for stage, _ in TABLE} == set(SipCallState) - {SipCallState.OVER}
    assert {turn for _, turn in TABLE} == set(SipCallEvent)
