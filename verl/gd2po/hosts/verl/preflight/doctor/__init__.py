"""The checks of ``gd2po doctor``: the installation, the machine, and whether a given run would start on it."""

from gd2po.hosts.verl.preflight.doctor.installation import examine, require_plugin
from gd2po.hosts.verl.preflight.doctor.result import CheckResult

__all__ = ["CheckResult", "examine", "require_plugin"]
