"""One advantage per rollout: one file per estimator, named as in the papers. A new file here is found by itself."""

import gd2po.advantages.combinations
import gd2po.advantages.filters  # noqa: F401  (the defaults of an estimator must be registered before it)
from gd2po.registry import import_modules

import_modules(__name__, __path__)
