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


@pytest.fixture(scope="session")
def reward_models(policy, tmp_path_factory):
    """Kind → the folder of a tiny reward model with the policy's tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForSequenceClassification

    folder, tokenizer = tmp_path_factory.mktemp("reward_models"), AutoTokenizer.from_pretrained(policy)
    config = Qwen2Config.from_pretrained(policy)
    torch.manual_seed(5)
    scalar = Qwen2ForSequenceClassification(
        Qwen2Config(**config.to_dict() | {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id})
    )
    for kind, model in (("scalar", scalar), ("guard", AutoModelForCausalLM.from_pretrained(policy))):
        model.save_pretrained(folder / kind)
        tokenizer.save_pretrained(folder / kind)
    return folder


@pytest.mark.parametrize("kind", ["scalar", "guard"])
def test_a_model_in_this_process_scores_as_a_server_with_it(reward_models, kind, monkeypatch):
    from gd2po.rewards.models.client import RewardModelClient
    from gd2po.rewards.models.hosting.local import LocalRewardModel

    model = {"path": str(reward_models / kind), "measures": "other", "kind": kind, "max_length": 60}
    if kind == "guard":
        model["guard"] = {"unsafe": ["a"], "safe": ["e"], "answer_prefix": ""}
        for module in ("gd2po.rewards.models.client", "gd2po.hosts.trl.served_rewards"):
            monkeypatch.setattr(f"{module}.TOP_TOKENS", 320)  # an untrained model likes all tokens alike
    reward = RewardSettings.model_validate({"model": model})
    local = served_rewards({"quality": reward}, [])["quality"]
    prompts, completions = ["one two", [{"role": "user", "content": "five"}]], ["six", "seven eight"]
    scores = asyncio.run(local(prompts=prompts, completions=completions))

    weights = LocalRewardModel(model["path"], kind)

    async def answer(self, endpoint, body):
        [result] = weights.answer([body.get("input") or body["prompt"]])
        if kind == "scalar":
            return {"data": [{"probs": [result]}]}, 1
        values, ids = (tensor.tolist() for tensor in result.topk(len(result)))
        top = {f"token_id:{token}": value for token, value in zip(ids, values, strict=True)}
        return {"choices": [{"logprobs": {"top_logprobs": [top]}}]}, 1

    monkeypatch.setattr("gd2po.rewards.models.servers.Servers.post", answer)
    client = RewardModelClient("quality", reward.model, ["http://localhost:1"])
    messages = [[{"role": "user", "content": "one two"}], prompts[1]]

    async def ask():
        return [(await client.score(*pair)).score for pair in zip(messages, completions, strict=True)]

    assert scores == pytest.approx(asyncio.run(ask()), abs=1e-6)
    assert len(set(scores)) == 2


def test_a_text_beyond_the_context_of_a_model_in_this_process_ends_the_run(reward_models):
    model = {"path": str(reward_models / "scalar"), "measures": "other", "max_length": 2000, "sign_check": False}
    reward = RewardSettings.model_validate({"model": model})
    function = served_rewards({"quality": reward}, [])["quality"]
    with pytest.raises(RewardModelError, match=r"at this process gave no score.* tokens exceed the context of 64"):
        asyncio.run(function(prompts=["word " * 200], completions=["b"]))
