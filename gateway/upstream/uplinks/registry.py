"""Kinds of uplink by the scheme of an address, found by file: a new one needs no list to be edited.

A kind is `gateway/upstream/uplinks/<name>.py`, or a package of that name, in the product or in an
extension (`drivers.extensions`), that offers `KIND`. The one that is named after the scheme is
looked at first (`https` and `http+x` lead to `http`), so that a station imports what it uses.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from drivers.extensions import extension_folders
from gateway.errors import SettingsError
from gateway.upstream import uplinks
from gateway.upstream.uplinks.contract import Uplink
from gateway.upstream.uplinks.kind import UplinkContext, UplinkKind
from gateway.upstream.uplinks.options import TransportedOptions, UplinkOptions

# An address without a scheme is a slip in one of these.
DEFAULT_SCHEME = "https"

UNKNOWN_SCHEME = "upstream.unknown-scheme"
BROKEN_KIND = "upstream.broken-kind"


def kind_for(url: str) -> UplinkKind[Any]:
    """The kind that serves that address.

    SettingsError at the key `url` if none does, or if the file that may be meant is broken.
    """
    scheme = scheme_of(url)
    broken: SettingsError | None = None
    for name in sorted(_names(), key=lambda name: (name not in _candidates(scheme), name)):
        try:
            kind = _load(name)
        except SettingsError as error:
            broken = broken or error
            continue
        if kind is not None and scheme in kind.schemes:
            return kind
    if broken is not None:
        raise broken
    known = sorted(scheme for kind in kinds() for scheme in kind.schemes)
    raise SettingsError(UNKNOWN_SCHEME, key="url", scheme=scheme, known=", ".join(known))


def kind_name(url: str) -> str:
    """What `kind` of a table with that address is; of the default one where none serves it."""
    try:
        return kind_for(url).name
    except SettingsError:
        return kind_for("").name


def scheme_of(url: str) -> str:
    """The scheme of an address, in lower case; `https` where it has none that can be read."""
    try:
        return urlsplit(url).scheme or DEFAULT_SCHEME
    except ValueError:
        return DEFAULT_SCHEME


def kinds() -> list[UplinkKind[Any]]:
    """All kinds, by name; one whose file is broken is left out."""
    return [kind for name in _names() if (kind := _unless_broken(name)) is not None]


def open_uplink(context: UplinkContext[Any]) -> Uplink:
    """The uplink that the settings ask for, importing its protocol only now."""
    return kind_for(context.options.url).open(context)


def _names() -> list[str]:
    """Every module that may be a kind, the product's own first."""
    for folder in map(str, extension_folders("gateway", "upstream", "uplinks")):
        if folder not in uplinks.__path__:
            uplinks.__path__.append(folder)
            importlib.invalidate_caches()
    return sorted({module.name for module in pkgutil.iter_modules(uplinks.__path__)})


def _candidates(scheme: str) -> Iterator[str]:
    """What a kind for that scheme is probably called."""
    for word in (scheme, scheme.partition("+")[0]):
        name = re.sub(r"\W", "_", word)
        yield name
        yield name.removesuffix("s")


def _load(name: str) -> UplinkKind[Any] | None:
    """The kind of that module, None if it is none; SettingsError where it cannot be used."""
    try:
        module = importlib.import_module(f"{uplinks.__name__}.{name}")
        kind = getattr(module, "KIND", None)
        if kind is not None:
            _check(kind)
    except Exception as error:  # whatever is wrong with a file that somebody has laid there
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(BROKEN_KIND, key="url", name=name, reason=reason) from error
    return kind


def _check(kind: Any) -> None:
    """TypeError with what is wrong with a declaration."""
    if not isinstance(kind, UplinkKind):
        raise TypeError("KIND is no UplinkKind")
    if not issubclass(kind.options, UplinkOptions):
        raise TypeError("options do not derive from UplinkOptions")
    if kind.worth == "transported" and not issubclass(kind.options, TransportedOptions):
        raise TypeError("options of a transported kind do not derive from TransportedOptions")


def _unless_broken(name: str) -> UplinkKind[Any] | None:
    try:
        return _load(name)
    except SettingsError:
        return None
