"""One reward model for an evaluation."""

import asyncio

import httpx
import pytest

from gd2po.rewards.models.hosting.serving import open_scorer, serve

QUESTION = [{"role": "user", "content": "how do i bake bread ?"}]


async def score_once(client):
    try:
        return (await client.score(QUESTION, "mix")).score
    finally:
        await client.close()


def test_a_server_that_runs_is_asked_and_another_one_is_started_for_the_while(settings_of, scalar_model):
    with open_scorer("useful", settings_of(scalar_model)) as client:
        here = asyncio.run(score_once(client))
        [address] = client.addresses
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")
    with serve(str(scalar_model), "scalar") as served:
        settings = settings_of(scalar_model, placement="server", url=[served.url])
        with open_scorer("useful", settings) as client:
            assert client.addresses == (served.url,)
            assert asyncio.run(score_once(client)) == pytest.approx(here, abs=1e-6)
