"""Builds `yizhan-tools` of what the station's wheel leaves out."""

import tomllib
from pathlib import Path
from typing import Any

import pathspec
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

TREE = Path(__file__).resolve().parents[3]
DATA = "share/yizhan"


def settings() -> dict[str, Any]:
    """The pyproject.toml at the top."""
    return tomllib.loads((TREE / "pyproject.toml").read_text("utf-8"))


class Metadata(MetadataHookInterface):
    """The station's version, and the station itself as the first dependency."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what pyproject.toml calls dynamic."""
        station = settings()
        version = station["project"]["version"]
        metadata["version"] = version
        metadata["dependencies"] = [f"yizhan=={version}", *station["dependency-groups"]["tools"]]


class Files(BuildHookInterface[Any]):
    """The files that the station's wheel excludes, and the demo's settings."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Name each file and its place in the wheel."""
        wheel = settings()["tool"]["hatch"]["build"]["targets"]["wheel"]
        excluded = pathspec.GitIgnoreSpec.from_lines(wheel["exclude"])
        for package in wheel["packages"]:
            for path in sorted((TREE / package).rglob("*")):
                name = str(path.relative_to(TREE))
                if path.is_file() and "__pycache__" not in path.parts and excluded.match_file(name):
                    build_data["force_include"][str(path)] = name
        shared = build_data["shared_data"]
        for path in sorted((TREE / "config" / "demo").iterdir()):
            shared[str(path)] = f"{DATA}/{path.relative_to(TREE)}"
        shared[str(TREE / "LICENSE")] = "share/doc/yizhan-tools/LICENSE"
