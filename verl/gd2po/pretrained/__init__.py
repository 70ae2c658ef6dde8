"""Language models that one command brings here: from a model hub, or from a Python package where no hub answers."""

from gd2po.pretrained.catalogue import MODELS, PretrainedModel, find_model
from gd2po.pretrained.fetching import Origin, get_model, model_folder

__all__ = ["MODELS", "Origin", "PretrainedModel", "find_model", "get_model", "model_folder"]
