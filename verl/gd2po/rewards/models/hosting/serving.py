"""A reward model over HTTP, by those endpoints of vLLM that verl and our client use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gd2po.http_server import serving
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.files.checkpoints import Kind
from gd2po.rewards.models.hosting.endpoints import Endpoints, build_app
from gd2po.rewards.models.hosting.local import LocalRewardModel
from gd2po.rewards.models.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        url: The base address of the server.
    """

    url: str
    _endpoints: Endpoints

    @property
    def passes(self) -> int:
        """The number of forward passes so far, each over a batch of requests."""
        return self._endpoints.batcher.passes

    def pause(self) -> None:
        """Answer 503 from now on, as a sleeping engine would; accepted requests are still answered."""
        self._endpoints.awake = False

    def resume(self) -> None:
        """Answer again."""
        self._endpoints.awake = True


@contextmanager
def serve(path: str, kind: Kind, host: str = "127.0.0.1", port: int = 0) -> Iterator[Served]:
    """Serve ``/health``, ``/v1/models``, and ``/classify`` or, of a guard, ``/v1/completions`` for one token.

    Args:
        path: The folder or hub name of the model; also the name under which it is served.
        kind: The kind of the model.
        host: The address to listen on. There is no access control.
        port: The port to listen on; 0 takes a free one.

    Raises:
        RewardModelError: The checkpoint or its tokenizer cannot be used.
        ServerError: The port is taken.
    """
    endpoints = Endpoints(path, kind, LocalRewardModel(path, kind))
    with serving(build_app(endpoints), host, port) as url:
        yield Served(url, endpoints)


@contextmanager
def open_scorer(name: str, settings: ModelSettings) -> Iterator[RewardModelClient]:
    """A client of the model at its server; where the settings have no ``url``, the model is served by this process.

    The caller closes the client's connections in the event loop in which it used them.

    Args:
        name: The name of the reward.
        settings: The settings of the model.
    """
    if settings.url:
        yield RewardModelClient(name, settings, settings.url)
        return
    with serve(settings.path, settings.kind) as served:
        yield RewardModelClient(name, settings, [served.url])
