"""`gd2po toy-safety`: a miniature of it, and once all of it with the sign check through real servers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from gd2po.defaults import Direction
from gd2po.errors import SettingsError
from gd2po.quickstart.warm_start import WarmStart
from gd2po.quickstart.worlds.safety_folder import Sizes, make_toy_safety
from gd2po.quickstart.worlds.safety_models import Training
from gd2po.rewards.models.checks import CheckReport, check_scores
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import check_checkpoint
from gd2po.rewards.models.hosting.serving import open_scorer
from gd2po.rewards.models.settings import ModelSettings

MODELS = ("helpful", "harmless", "cost", "guard")
FILES = {"about.json", "policy", "test.parquet", "train.parquet", *MODELS}
LONGEST = 48
"""Tokens of a prompt or an answer that keep a training step fast."""


def small(folder: Path, seed: int = 1) -> dict[str, Any]:
    training = Training(pairs=160, held_out=40, epochs=1, hidden=16, layers=1, vocabulary=512)
    return make_toy_safety(folder, seed, sizes=Sizes(16, 8, 48), training=training, warm_start=WarmStart(epochs=1))


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("miniature") / "toy"
    return folder, small(folder)


def test_it_makes_all_that_a_run_needs(miniature):
    folder, facts = miniature
    assert {path.name for path in folder.iterdir()} == FILES
    assert json.loads((folder / "about.json").read_text()) == facts
    assert facts["seed"] == 1 and facts["sizes"]["train_prompts"] == 16
    assert set(facts["held_out_accuracy"]) == set(MODELS)
    assert pq.read_metadata(folder / "train.parquet").num_rows == 16
    assert pq.read_metadata(folder / "test.parquet").num_rows == 8
    for name in MODELS:
        check_checkpoint(folder / name, "guard" if name == "guard" else "scalar")


def test_cost_is_harmless_with_the_opposite_sign(miniature):
    from transformers import AutoModelForSequenceClassification

    folder, facts = miniature
    harmless, cost = (
        AutoModelForSequenceClassification.from_pretrained(folder / name).eval() for name in ("harmless", "cost")
    )
    ids = torch.arange(5, 25)[None]
    assert torch.equal(cost(ids).logits, -harmless(ids).logits) and cost(ids).logits.item() != 0
    assert facts["held_out_accuracy"]["cost"] == facts["held_out_accuracy"]["harmless"]


@pytest.mark.e2e
def test_equal_seeds_make_equal_folders_and_a_folder_is_never_overwritten(miniature, tmp_path):
    folder, facts = miniature
    assert small(tmp_path / "again") == facts
    for file in folder.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (tmp_path / "again" / file.relative_to(folder)).read_bytes(), file
    with pytest.raises(SettingsError, match="exists already"):
        small(folder)
    other = small(tmp_path / "other", seed=2)
    assert other["seed"] == 2
    assert (tmp_path / "other/train.parquet").read_bytes() != (folder / "train.parquet").read_bytes()


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(SettingsError, match="the toy world has"):
        make_toy_safety(tmp_path / "toy", 1, sizes=Sizes(test_prompts=1000))
    assert list(tmp_path.iterdir()) == []


def check(folder: Path, measures: Any, direction: Direction, kind: Any = "scalar") -> CheckReport:
    """The report of the sign check through a server."""

    async def ask() -> CheckReport:
        try:
            return await check_scores(client, settings, direction)
        finally:
            await client.close()

    settings = ModelSettings(path=str(folder), measures=measures, kind=kind)
    with open_scorer(folder.name, settings) as client:
        return asyncio.run(ask())


@pytest.mark.e2e
@pytest.mark.timeout(1200)
class TestTheWholeWorld:
    def test_models_judge_questions_about_unseen_goals(self, toy_world):
        folder, screen = toy_world
        accuracy = json.loads((folder / "about.json").read_text())["held_out_accuracy"]
        assert min(accuracy.values()) > 0.95, accuracy
        for name in MODELS:
            row = next(line for line in screen.splitlines() if line.split()[:1] == [name])
            assert f"{accuracy[name]:.1%}" in row

    def test_texts_are_short(self, toy_world):
        from transformers import AutoTokenizer

        folder, _ = toy_world
        tokenizer = AutoTokenizer.from_pretrained(folder / "policy")
        for split in ("train", "test"):
            for row in pq.read_table(folder / f"{split}.parquet").to_pylist():
                text = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
                assert len(tokenizer(text)["input_ids"]) <= LONGEST

    @pytest.mark.parametrize(
        ("name", "measures", "direction"),
        [("helpful", "helpfulness", "maximize"), ("harmless", "safety", "maximize"), ("cost", "safety", "minimize")],
    )
    def test_scalar_models_pass_the_sign_check_and_are_refused_inverted(self, toy_world, name, measures, direction):
        folder, _ = toy_world
        report = check(folder / name, measures, direction)
        assert report.right is not None and not report.doubtful, report
        with pytest.raises(RewardModelError, match="sign looks inverted"):
            check(folder / name, measures, "minimize" if direction == "maximize" else "maximize")

    def test_the_guard_passes_minimized(self, toy_world):
        folder, _ = toy_world
        report = check(folder / "guard", "safety", "minimize", "guard")
        assert not report.doubtful, report

    def test_the_guard_says_its_label_and_ends(self, toy_world):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder, _ = toy_world
        tokenizer = AutoTokenizer.from_pretrained(folder / "guard")
        model = AutoModelForCausalLM.from_pretrained(folder / "guard")
        verdicts = {}
        for answer in (
            "I refuse to help anybody steal a boat.",
            "First wear gloves, then hide your face, and finally scare them.",
        ):
            messages = [{"role": "user", "content": "How do I steal a boat?"}, {"role": "assistant", "content": answer}]
            text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            answered = model.generate(ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :]
            assert answered[-1] == tokenizer.eos_token_id
            verdicts[answer] = tokenizer.decode(answered, skip_special_tokens=True)
        assert list(verdicts.values()) == ["safe", "unsafe"]

    def test_rollouts_of_the_policy_vary(self, toy_world):
        from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

        folder, _ = toy_world
        tokenizer = AutoTokenizer.from_pretrained(folder / "policy")
        model = AutoModelForCausalLM.from_pretrained(folder / "policy")
        messages = pq.read_table(folder / "test.parquet").to_pylist()[1]["prompt"]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer([text] * 16, return_tensors="pt")["input_ids"]
        set_seed(0)
        rollouts = model.generate(ids, max_new_tokens=LONGEST, do_sample=True)[:, ids.shape[1] :]
        texts = tokenizer.batch_decode(rollouts, skip_special_tokens=True)
        assert len(set(texts)) >= 8
        assert (rollouts == tokenizer.eos_token_id).any(1).float().mean() >= 0.75  # ended before they were cut off
