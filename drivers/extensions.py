"""Folders beside the product that extend it: things that are found by their place.

`YIZHAN_EXTENSIONS` lists such folders as PATH does, absolute paths separated by colons. Each is
laid out like this repository: a kiosk service is `config/services/<id>.toml` in it, a request type
`kiosk/request_types/<name>/`. A registry calls `extension_folders` with the folder that it searches
in the product. Code in an extension runs with the station's rights: only a trusted administrator
may write there.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

EXTENSIONS_VARIABLE = "YIZHAN_EXTENSIONS"


def extension_folders(*parts: str) -> list[Path]:
    """That folder in every extension that has it, in the order of the variable."""
    words = os.environ.get(EXTENSIONS_VARIABLE, "").split(os.pathsep)
    roots = [root for root in map(Path, words) if root.is_absolute()]
    return [folder for root in roots if (folder := root.joinpath(*parts)).is_dir()]


def load_extension(path: Path) -> ModuleType:
    """Import the file as a module; its exceptions are passed on."""
    name = f"yizhan_extension_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
