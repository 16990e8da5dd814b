"""From readings to events: current values, the reporting filter, and the journal behind it.

Rules and current values see every reading; only what reporting lets through is journalled.
"""

from gateway.intake.intake import Intake

__all__ = ["Intake"]
