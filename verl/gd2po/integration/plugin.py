"""The former name of :mod:`gd2po.hosts.verl.plugin`."""

import gd2po.hosts.verl.plugin  # noqa: F401  importing it is all that an entry point does
