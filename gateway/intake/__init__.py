"""From readings to events: current values, the reporting filter, and the journal behind it.

Rules and current values see every reading; only what the reporting filter passes is journalled.
"""

from gateway.intake.intake import Intake

__all__ = ["Intake"]
