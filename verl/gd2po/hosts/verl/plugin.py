"""The entry point ``verl.plugins``: imported at the end of ``import verl`` in every process, then never called.

verl logs a plug-in that raises at DEBUG level only, so the reason is logged here as an error too;
``gd2po train`` and ``gd2po doctor`` check that loading succeeded.
"""

import logging

from gd2po.errors import HostError
from gd2po.hosts.verl import cpu, logs
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door import supported_verl as versions

logger = logging.getLogger(__name__)

logs.keep_warnings()
try:
    versions.require_supported_verl()
    seam.install()
    cpu.install()
except HostError as error:
    logger.error("gd2po is not active: %s", error)
    raise
