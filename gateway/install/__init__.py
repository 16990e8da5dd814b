"""From the box to a service: `yizhan install` and `yizhan uninstall`.

`plan.py` lists the steps, `steps.py` performs them, `manifest.py` records what was installed and is
all that `uninstall` believes; `sandbox.py` narrows the units to what the settings name. Everything
happens below a root folder (`--root`), so that a card can be prepared on another machine.
"""
