"""The entry point ``verl.plugins``: imported at the end of ``import verl`` in every process, then never called.

Nothing acts yet: wrappers are put in place as verl imports its modules, and each asks whose run it is called in. Only
a machine without accelerator, on which verl alone cannot run, gets its platform for every run.

verl logs a plug-in that raises at DEBUG level only, so the reason is logged here as an error too;
``gd2po train`` and ``gd2po doctor`` check that loading succeeded.
"""

import logging

from gd2po.errors import HostError
from gd2po.hosts.verl import cpu
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door import supported_verl as versions

logger = logging.getLogger(__name__)

try:
    versions.require_supported_verl()
    cpu.install()  # before the others: what a machine without accelerator needs stands closest to verl
    seam.install("everywhere", "vllm")
except HostError as error:
    logger.error("gd2po is not active: %s", error)
    raise
