"""From the box to a service: `yizhan install` and `yizhan uninstall`.

    plan      what should stand, as steps; pure
    steps     one step: is it done, do it, say it
    manifest  what was laid, by hash: the only thing that `uninstall` believes
    sandbox   the drop-in that narrows the units to what station.toml names; pure
    score     the judge: systemd-analyze
    machine   a running systemd: reload, restart

Everything goes below a root folder (`--root`), so that a card can be prepared on another machine.
"""
