"""What is installed, loaded and missing on this machine, and whether a given run would start: ``gd2po doctor``."""

from gd2po.hosts.verl.preflight.doctor.finding import Finding
from gd2po.hosts.verl.preflight.doctor.installation import examine, quiet, require_plugin

__all__ = ["Finding", "examine", "quiet", "require_plugin"]
