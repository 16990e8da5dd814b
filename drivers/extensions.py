"""Folders beside the product that add to it: kinds of things that are found by their place.

`YIZHAN_EXTENSIONS` lists such folders as PATH does, absolute paths separated by colons. Each is
laid out like this repository: a kiosk service is `config/services/<id>.toml` in it, a request type
`kiosk/request_types/<name>/`. A registry asks `extension_folders` for the folder that it searches
in the product. Code in an extension runs as the station's own: nobody but a trusted administrator
may write there.
"""

import os
from pathlib import Path

EXTENSIONS_VARIABLE = "YIZHAN_EXTENSIONS"


def extension_folders(*parts: str) -> list[Path]:
    """The folder of that name in every extension that has one, in the order of the variable."""
    words = os.environ.get(EXTENSIONS_VARIABLE, "").split(os.pathsep)
    roots = [root for root in map(Path, words) if root.is_absolute()]
    return [folder for root in roots if (folder := root.joinpath(*parts)).is_dir()]
