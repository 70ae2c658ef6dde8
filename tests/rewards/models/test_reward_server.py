"""`gd2po reward-server` as a process of its own, and what becomes of scores when it is killed."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.rewards.models.client import RewardModelClient

QUESTION = [{"role": "user", "content": "how do i bake bread ?"}]
ROLLOUTS = 400


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def start(scalar_model, free_port):
    """Starts the server in a process; returns at once."""
    command = [sys.executable, "-P", "-m", "gd2po.cli", "reward-server", str(scalar_model), "--port", str(free_port)]
    with contextlib.ExitStack() as stack:

        def run():
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield run


def await_health(port):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not start")


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_server_killed_under_load_and_started_again_loses_no_score(
    start, free_port, settings_of, scalar_model, tokenizer
):
    from gd2po.rewards.models.hosting.local import LocalRewardModel
    from gd2po.rewards.models.prompts import PromptWriter

    settings = settings_of(scalar_model, retries=20, timeout=20)
    answers = [f"answer {number}" for number in range(ROLLOUTS)]

    async def score_through_a_kill():
        client = RewardModelClient("useful", settings, [f"http://127.0.0.1:{free_port}"], tokenizer)

        async def score(number):
            await asyncio.sleep(number / 100)  # rollouts end one after the other
            return await client.score(QUESTION, answers[number])

        tasks = [asyncio.create_task(score(number)) for number in range(ROLLOUTS)]
        await asyncio.sleep(ROLLOUTS / 200)
        first.kill()
        await asyncio.to_thread(first.wait)
        before = sum(task.done() for task in tasks)
        start()
        scores = await asyncio.gather(*tasks)
        await client.close()
        return before, scores

    first = start()
    await_health(free_port)
    before, scores = asyncio.run(score_through_a_kill())
    assert 0 < before < ROLLOUTS
    assert max(scored.attempts for scored in scores) > 1
    writer = PromptWriter(settings, tokenizer)
    expected = LocalRewardModel(str(scalar_model), "scalar").answer(
        [writer.write(QUESTION, answer).ids for answer in answers]
    )
    assert [scored.score for scored in scores] == pytest.approx(expected, abs=1e-5)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_it_says_where_it_is_and_ends_quietly(start, free_port, scalar_model):
    process = start()
    assert process.stdout.readline() == f"model {scalar_model} at http://127.0.0.1:{free_port}, until Ctrl-C\n"
    await_health(free_port)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "closed\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/model"], "/no/such/model: there is no such folder"),
        (["/no/such/model", "--kind", "judge"], "judge"),
    ],
)
def test_what_cannot_be_served_ends_with_2(arguments, message):
    result = CliRunner().invoke(app, ["reward-server", *arguments])
    assert result.exit_code == 2 and message in result.output
