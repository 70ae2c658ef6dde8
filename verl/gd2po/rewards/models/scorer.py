"""One reward model for an evaluation: at its server, or served here for the while."""

from collections.abc import Iterator
from contextlib import contextmanager

from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.hosting.serving import serve
from gd2po.rewards.models.settings import ModelSettings


@contextmanager
def open_scorer(name: str, settings: ModelSettings) -> Iterator[RewardModelClient]:
    """A client of the model; where the settings have no ``url``, it is loaded and served in this process.

    The caller closes the client's connections in the event loop in which it used them.

    Args:
        name: of the reward.
        settings: of the model.
    """
    if settings.url:
        yield RewardModelClient(name, settings, settings.url)
        return
    with serve(settings.path, settings.kind) as served:
        yield RewardModelClient(name, settings, [served.url])
