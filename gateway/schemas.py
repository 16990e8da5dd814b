"""JSON Schemas of our types, published under component names that survive renamed classes."""

from collections.abc import Iterable
from typing import Any

import msgspec

# Clients generate code from these names, so a renamed class keeps its published one: msgspec's name
# of the class (its own, or module and name if two share it) → published name.
PUBLISHED: dict[str, str] = {
    "ActEventData": "Act",
    "ActOrigin": "Place",
    "ActPage": "Page",
    "ActResult": "Result",
    "Actor": "Who",
    "AlarmReport": "gateway.desk.alarms.report.Report",
    "ApplyRequest": "Asked",
    "AwaitedReplacement": "Awaited",
    "BleBusOptions": "BusOptions",
    "BleDeviceOptions": "drivers.ble.options.Options",
    "BroadcastOptions": "broadcast.options.Options",
    "ChainHead": "Head",
    "ChangeOutcome": "Outcome",
    "ChangePreview": "Preview",
    "ChangeRecord": "Record",
    "ChangeResponse": "Answer",
    "Cjt188DeviceOptions": "drivers.cjt188.driver.Options",
    "ClaimCode": "Claim",
    "DiscoveryOptions": "gateway.discovery.options.Options",
    "DispatcherOptions": "Dispatcher",
    "Dlt645DeviceOptions": "drivers.dlt645.driver.Options",
    "DoctorReport": "Checked",
    "DutyOptions": "gateway.rules.duty.Options",
    "EmptyBody": "Nothing",
    "EscalationStep": "Step",
    "FaultRecord": "Fault",
    "HealthReport": "Health",
    "HttpOptions": "gateway.upstream.options.Options",
    "KioskOptions": "kiosk.options.Options",
    "KioskPanel": "Panel",
    "LinkageCondition": "Condition",
    "LinkageOptions": "gateway.rules.linkage.Options",
    "LocalOrderRequest": "AskHere",
    "MaintenanceBody": "Maintain",
    "MistakeReport": "Told",
    "ModbusDeviceOptions": "drivers.modbus.driver.Options",
    "MulticastOptions": "Multicast",
    "NoteBody": "Note",
    "OneTimeCode": "Code",
    "OrderView": "broadcast.api.Shown",
    "PastAct": "Past",
    "PhraseRecording": "Recording",
    "PresetVersion": "Version",
    "ReceiptEventData": "Receipt",
    "ReplacementBody": "Replacement",
    "ReportOptions": "Report",
    "RequestAction": "Deed",
    "RestartScope": "Touched",
    "RevealedContact": "Revealed",
    "RunningFacts": "Running",
    "SentencePiece": "Piece",
    "ServiceTargets": "Within",
    "SetAsideRow": "SetAside",
    "SettingsDocument": "gateway.appliance.settings.section.Shown",
    "SettingsText": "Text",
    "ShelveBody": "Shelve",
    "SipOptions": "Sip",
    "SoundCardOptions": "SoundCard",
    "SoundFacts": "Sound",
    "SpeakerFacts": "SpeakerFact",
    "SpeakerView": "broadcast.horns.Shown",
    "StopRequest": "Stop",
    "StoredRecording": "Recorded",
    "UndoRequest": "Back",
    "UnicastOptions": "Unicast",
    "VerdictBody": "Judge",
    "VitalsReport": "gateway.web.api.Report",
    "WebOptions": "gateway.web.server.Options",
    "WeeklyNotice": "Fixture",
}


def schema_components(
    types: Iterable[Any], ref_template: str
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The schema of each type, and the components that they refer to by published names.

    `ref_template` formats a reference to a `{name}`. ValueError if two classes would be
    published under one name.
    """
    shapes, parts = msgspec.json.schema_components(types, ref_template=ref_template)
    names = {made: PUBLISHED.get(made, made) for made in parts}
    if len(set(names.values())) < len(names):
        raise ValueError(sorted(names.values()))
    refs = {
        ref_template.format(name=made): ref_template.format(name=name)
        for made, name in names.items()
    }
    published = {
        names[made]: _titled(_renamed(part, refs), names[made]) for made, part in parts.items()
    }
    return tuple(_renamed(shape, refs) for shape in shapes), published


def _titled(part: dict[str, Any], name: str) -> dict[str, Any]:
    """Msgspec uses the class's own name as the title."""
    return {**part, "title": name.rpartition(".")[2]} if "title" in part else part


def _renamed(node: Any, refs: dict[str, str]) -> Any:
    """References stand under `$ref`, and in the mapping of a discriminator."""
    if isinstance(node, dict):
        return {key: _renamed(value, refs) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_renamed(value, refs) for value in node]
    return refs.get(node, node) if isinstance(node, str) else node
