"""One advantage per rollout: one file per estimator, named as in the papers. A new file here is found by itself."""

from gd2po.advantages.registry import import_modules

import_modules(__name__, __path__)
