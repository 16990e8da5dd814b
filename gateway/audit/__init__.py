"""Who did what, where, when by which clock, and with what result.

events.py           the data of an act
audit_log.py        writes acts, each chained to the one before, with the state that they change
act_history.py      reads acts back, newest first
event_history.py    reads other rooms' events back from several lanes, newest first
reveal.py           shows personal fields, never without an act
"""

from gateway.audit.audit_log import AuditLog
from gateway.audit.events import ACT, KINDS, ActEventData, Actor, ActOrigin, ActResult

__all__ = ["ACT", "KINDS", "ActEventData", "ActOrigin", "ActResult", "Actor", "AuditLog"]
