"""Rewards from a server, which answers with the number of tokens that it was given."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gd2po.errors import SettingsError
from gd2po.hosts.trl.served_rewards import served_rewards
from gd2po.rewards.models.contract import RewardModelError
from gd2po.settings import RewardSettings

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")


class TokenCounter(BaseHTTPRequestHandler):
    score = staticmethod(lambda ids: float(len(ids)))

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps({"data": [{"probs": [self.score(request["input"])]}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    http = ThreadingHTTPServer(("127.0.0.1", 0), TokenCounter)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def count_letters(completions, **_):
    return [float(sum(character.isalpha() for character in text)) for text in completions]


def settings_with(model):
    return {"estimator": "gdpo", "rewards": {"letters": {}, "tokens": {"direction": "minimize", "model": model}}}


def test_a_served_model_scores_each_completion(make_trainer, policy, server):
    model = {"path": str(policy), "measures": "other", "placement": "server", "url": [server]}
    trainer = make_trainer(settings_with(model), {"letters": count_letters}, max_steps=1)
    trainer.train()
    logged = trainer.state.log_history[0]
    assert logged["reward/tokens/min"] > 0 and logged["reward/tokens/missing"] == 0


def test_a_model_that_says_the_same_to_everything_is_refused_before_a_score_counts(policy, server, monkeypatch):
    monkeypatch.setattr(TokenCounter, "score", staticmethod(lambda ids: 1.0))
    reward = RewardSettings.model_validate(
        {"model": {"path": str(policy), "measures": "safety", "placement": "server", "url": [server]}}
    )
    function = served_rewards({"safe": reward}, [])["safe"]
    with pytest.raises(RewardModelError, match="'safe'"):
        asyncio.run(function(prompts=["a"], completions=["b"]))


def test_a_model_that_verl_would_serve_is_refused(make_trainer, policy):
    model = {"path": str(policy), "measures": "other", "placement": "own_gpus"}
    with pytest.raises(SettingsError, match=r"tokens.model.placement is 'own_gpus', which verl serves; in TRL set"):
        make_trainer(settings_with(model), {"letters": count_letters})
