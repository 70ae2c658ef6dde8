"""How the rewards' votes become one advantage: one file per combination. A new file here is found by itself."""

from gd2po.registry import import_modules

import_modules(__name__, __path__)
