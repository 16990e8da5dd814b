"""The API of loudspeakers: how far each is known to work, and its session description."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from aiohttp import web

from broadcast.audio_protocol.speaker_options import RANK_MAX, MulticastOptions, SpeakerOptions
from broadcast.speaker_status.events import SpeakerTestResult
from broadcast.speakers import sdp
from gateway.errors import NotFound, UsageError
from gateway.web.responses import json_response
from gateway.web.section import Permission, QueryParameter, Route

MEDIA = "application/sdp"

ClassNumber = Annotated[int, msgspec.Meta(ge=1, le=RANK_MAX)]


class SpeakerView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A loudspeaker: `rung` is how far its last test came, `code` its fault."""

    id: str
    kind: str
    zones: tuple[str, ...]
    name: str = ""
    rung: str = "unknown"
    code: str | None = None
    detail: dict[str, Any] = {}


class SpeakersApi:
    """The handlers."""

    def __init__(
        self,
        speakers: Mapping[str, SpeakerOptions],
        tested: Callable[[], Mapping[str, SpeakerTestResult]],
    ) -> None:
        """`tested` gives the last test results."""
        self._speakers = speakers
        self._tested = tested

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                path="/api/v1/speakers",
                handler=self.speakers,
                permission=Permission.VIEW,
                summary="The loudspeakers, and how far each is known to work",
                returns=list[SpeakerView],
            ),
            Route(
                path="/api/v1/speakers/{id}.sdp",
                handler=self.description,
                permission=Permission.VIEW,
                summary="What a receiver must know to hear one class of a multicast speaker",
                query={
                    "class": QueryParameter("As in the orders' table; 8 if unsaid", ClassNumber)
                },
                media=MEDIA,
            ),
        )

    async def speakers(self, _request: web.Request) -> web.StreamResponse:
        return json_response(
            [self._shown(name, options) for name, options in self._speakers.items()]
        )

    async def description(self, request: web.Request) -> web.StreamResponse:
        """The session description of one class of one speaker, as a file that players open."""
        name, asked = request.match_info["id"], request.query.get("class", "8")
        options = self._speakers.get(name)
        if not isinstance(options, MulticastOptions):
            raise NotFound("broadcast.no-group", speaker=name[:60])
        if asked not in map(str, range(1, RANK_MAX + 1)):
            raise UsageError("broadcast.unknown-class", cls=asked[:40], known=f"1-{RANK_MAX}")
        origin = options.interface or "127.0.0.1"
        return web.Response(
            text=sdp.describe_group(name, options, int(asked), origin), content_type=MEDIA
        )

    def _shown(self, name: str, options: SpeakerOptions) -> SpeakerView:
        found = self._tested().get(name, SpeakerTestResult())
        return SpeakerView(
            id=name,
            kind=str(options.__struct_config__.tag),
            zones=options.zones,
            name=options.name,
            rung=found.rung,
            code=found.code,
            detail=dict(found.detail),
        )
