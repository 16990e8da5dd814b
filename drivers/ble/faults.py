"""What goes wrong with a sensor that speaks when it likes."""

from drivers.contract import NoReply, Quality


class Silent(NoReply):
    """Not heard for three times its usual interval: what it said last is no news any more."""

    quality = Quality.STALE
