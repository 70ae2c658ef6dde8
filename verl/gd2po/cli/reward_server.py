"""``gd2po reward-server``: one reward model over HTTP, without verl."""

from typing import Annotated

import typer

from gd2po.cli.app import app, refusals, until_interrupted


@app.command("reward-server")
def reward_server(
    path: Annotated[str, typer.Argument(help="folder or hub name of the model")],
    kind: Annotated[str, typer.Option(help="scalar, or guard: a causal model that says safe or unsafe")] = "scalar",
    host: Annotated[str, typer.Option(help="to listen on; there is no access control")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
) -> None:
    """Serve a reward model by transformers, on this machine's GPU or CPU, as vLLM would; until Ctrl-C."""
    from gd2po.errors import SettingsError
    from gd2po.rewards.models.hosting.serving import serve

    with refusals():
        if kind not in ("scalar", "guard"):
            raise SettingsError(f"kind is {kind!r}, expected scalar or guard")
        with serve(path, kind, host, port) as served:  # type: ignore[arg-type]
            until_interrupted(f"model {path} at {served.url}, until Ctrl-C")
