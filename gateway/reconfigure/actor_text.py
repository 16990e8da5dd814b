"""Who changed the settings, in words."""

from collections.abc import Mapping

from gateway.texts import Texts


def actor_text(actor: str, names: Mapping[str, str], texts: Texts) -> str:
    """The actor of a record (`staff:0217`); `names` are people by id."""
    kind, _, id_ = actor.partition(":")
    if id_ in names:
        return f"{names[id_]} {id_}"
    code = f"desk.who-{kind}-{id_}"
    return texts.say(code if code in texts else f"appliance.by-{kind}", id=id_)
