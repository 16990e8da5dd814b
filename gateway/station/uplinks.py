"""The station's uplinks: a follower, a connection, a sender and an inbox for each."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from gateway.appliance.schema import Settings
from gateway.clock import Clock
from gateway.journal import Journal
from gateway.upstream.courier import Learn
from gateway.upstream.inbox.kinds import feed_replay, ping
from gateway.upstream.inbox.run import Inbox
from gateway.upstream.sender import Sender
from gateway.upstream.uplinks.choose import open_uplink
from gateway.upstream.uplinks.contract import Uplink


class Uplinks:
    """All connections to platforms; opened inside the running loop."""

    def __init__(
        self, settings: Settings, state: Path, clock: Clock, journal: Journal, learn: Learn
    ) -> None:
        """`learn` hears the platform's time. SettingsError for a credential that cannot be used."""
        self.senders: list[Sender] = []
        self.listeners: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._open: list[Uplink] = []
        station = settings.station.id
        for name, options in settings.uplinks.items():
            uplink = open_uplink(options, station=station, keys=state / "keys", now_ns=clock.now_ns)
            sender = Sender(
                name,
                journal.follower(name, retaining=options.required),
                journal,
                uplink,
                clock,
                station=station,
                kind=options.kind,
                rng=random.Random(),  # noqa: S311  # jitter, not a secret
                learn=learn,
            )
            self._open.append(uplink)
            self.senders.append(sender)
            if options.commands:
                kinds = [ping(clock), feed_replay(sender, journal, clock)]
                inbox = Inbox(name, journal, clock, station=station, kinds=kinds)
                self.listeners.append((f"inbox {name}", partial(_listen, inbox, uplink)))

    async def close(self) -> None:
        """Let go of every connection."""
        for uplink in self._open:
            await uplink.close()


async def _listen(inbox: Inbox, uplink: Uplink) -> None:
    await inbox.load()
    await inbox.run(uplink, random.Random())  # noqa: S311  # jitter, not a secret
