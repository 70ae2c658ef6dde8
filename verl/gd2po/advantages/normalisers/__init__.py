"""What a score is measured in: one file per normaliser. A new file here is found by itself."""

from gd2po.registry import import_modules

import_modules(__name__, __path__)
