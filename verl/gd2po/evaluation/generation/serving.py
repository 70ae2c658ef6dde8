"""A backend as an OpenAI-compatible server on this machine, so that every engine serves every benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager

from gd2po.evaluation.generation.batching import GenerationBatcher
from gd2po.evaluation.generation.contract import Backend, Decoding
from gd2po.http_server import serving


@contextmanager
def serve(backend: Backend, decoding: Decoding, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``/v1/models`` and ``/v1/chat/completions`` (not streamed) until the block ends.

    Requests that arrive together are answered together. A request may set ``max_tokens``, ``temperature`` and
    ``seed`` as far as the backend can; other parameters that would change the answer are refused by name with
    status 400. A prompt that is too long gets 400 with ``context_length_exceeded``, another request that cannot be
    answered 422, so that clients do not repeat them; a failure of the engine gets 500.

    Args:
        backend: A loaded backend; the model is served under the name in its description.
        decoding: The decoding where a request does not set it.
        host: The address to listen on. There is no access control: keep it on this machine.
        port: The port; 0 takes a free one.

    Yields:
        The base URL, such as ``http://127.0.0.1:8321/v1``.

    Raises:
        ServerError: The port is taken.
    """
    from gd2po.evaluation.generation.chat_api import build_app

    with GenerationBatcher(backend) as batcher:
        app = build_app(batcher, str(backend.describe()["model"]), decoding)
        with serving(app, host, port) as url:
            yield f"{url}/v1"
