"""Real ends of the wire: a tiny model with random weights, and an HTTP server that behaves as a test wants."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from gd2po.evaluation.generation import Generation, GenerationRequest


@pytest.fixture(scope="session", autouse=True)
def in_one_thread(one_thread: None) -> None:
    """All tests of this folder compute in one thread."""


@pytest.fixture(scope="session")
def tiny_model(
    tmp_path_factory: pytest.TempPathFactory, build_model: Callable[[int], Any], byte_tokenizer: Any
) -> Path:
    """A random Qwen2 with a byte tokenizer, and with generation settings that an evaluation must set aside."""
    path = tmp_path_factory.mktemp("tiny") / "model"
    model = build_model(0)
    model.lm_head.weight.data[256] *= 2  # so that some answers end by themselves
    model.generation_config.update(repetition_penalty=1.5, do_sample=True, temperature=0.7, top_k=20)
    model.save_pretrained(path)
    byte_tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def ask() -> Callable[..., list[GenerationRequest]]:
    """Requests with the ids 0, 1, … for these texts."""

    def build(*texts: str) -> list[GenerationRequest]:
        return [GenerationRequest(str(index), ({"role": "user", "content": text},)) for index, text in enumerate(texts)]

    return build


@pytest.fixture(scope="session")
def echo() -> Callable[..., Any]:
    """A backend that repeats the last message, and notes what it was asked."""

    class Echo:
        def __init__(self, model: str = "echo", fail: Callable[[str], str | None] = lambda text: None) -> None:
            self.model, self.fail = model, fail
            self.batches: list[list[str]] = []

        def describe(self) -> dict[str, Any]:
            return {"name": "echo", "model": self.model, "model_hash": None, "versions": {}}

        def generate(self, requests, decoding) -> Iterator[Generation]:
            self.batches.append([request.id for request in requests])
            for request in requests:
                text = request.messages[-1]["content"]
                if error := self.fail(text):
                    yield Generation.failed(request.id, error)
                    continue
                cut = text[: decoding.max_tokens]
                yield Generation(request.id, cut, "stop" if cut == text else "length", 3, len(cut))

        def __enter__(self) -> "Echo":
            return self

        def __exit__(self, *exception: object) -> None: ...

    return Echo


@dataclass
class Reply:
    """What the scripted server sends: a status and a body, headers, or nothing but a closed connection."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


def completion(text: str, **message: Any) -> dict[str, Any]:
    """A body in OpenAI's shape."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


@dataclass
class Script:
    """A running server: its base URL and the chat requests it has seen, as ``(body, headers)``."""

    url: str
    seen: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[dict[str, Any], int], Reply]], Script]]:
    """Starts a server on this machine that answers chat request number n with ``behave(body, n)``."""
    with ExitStack() as stack:
        yield lambda behave, models=(): stack.enter_context(_serve(behave, models))


@pytest.fixture(scope="session")
def reply() -> Callable[..., Reply]:
    """Makes the scripted server's replies; a text becomes a completion."""

    def build(text: str = "", status: int = 200, body: Any = None, headers: Any = (), hang_up: bool = False, **message):
        return Reply(status, body if body is not None else completion(text, **message), dict(headers), hang_up)

    return build


@contextmanager
def _serve(behave: Callable[[dict[str, Any], int], Reply], models: tuple[str, ...]) -> Iterator[Script]:
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(Reply(body={"data": [{"id": name} for name in models]}) if models else Reply(404, {}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                script.seen.append((body, dict(self.headers)))
                number = len(script.seen) - 1
            self.answer(behave(body, number))

        def answer(self, reply: Reply) -> None:
            if reply.hang_up:
                self.close_connection = True
                return
            content = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script = Script(f"http://127.0.0.1:{server.server_port}/v1")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
