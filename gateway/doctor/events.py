"""The kind of event that tells how something is now, on loss and on return."""

import msgspec

from gateway.event import Audience, EventKind, Lane


class HealthEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """`check`, about `subject`, is now `level` (`good`, `warn`, `bad`); `was` before.

    `code` says what is wrong; its text is in the station's catalogues. The data of the text stays
    at the station: a mistake in the settings may quote a secret.
    """

    check: str
    level: str
    was: str
    code: str
    subject: str = ""


HEALTH = EventKind("station", "health", Lane.SERVICE, HealthEventData, Audience.ALL)

# The doctor's events are never urgent: what cannot wait is an alarm.
KINDS = (HEALTH,)
