"""Which rollouts a conflict costs: one file per conflict filter of GD²PO. A new file here is found by itself."""

from gd2po.registry import import_modules

import_modules(__name__, __path__)
