"""What hatch adds to sdist and wheel: the configuration of each task, a folder with a ``config/base.yaml``."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TaskConfigurations(BuildHookInterface):
    """In the sdist where they are; in the wheel as ``gd2po/configs/<task>``. An editable install reads the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        for base in sorted(root.glob("*/config/base.yaml")) if version != "editable" else ():
            task = base.parents[1]
            wheel = f"gd2po/configs/{task.name}"
            for source, in_wheel in ((base.parent, wheel), (task / "sft.yaml", f"{wheel}/sft.yaml")):
                if source.exists():
                    in_sdist = str(source.relative_to(root))
                    build_data["force_include"][str(source)] = in_wheel if self.target_name == "wheel" else in_sdist
