"""Rows without an advantage left out of the passes of TRL's real trainer: the same gradients, the same weights."""

import pytest
import torch

from gd2po.errors import SettingsError

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

LOSSES = ("dapo", "cispo", "vespo", "grpo", "dr_grpo", "sapo", "luspo", "bnpo")
ROWS, TOKENS = 8, 6


def make_inputs(trainer, advantages):
    """Inputs of TRL's loss with ragged completions, and old log-probabilities of a policy a little apart."""
    generator = torch.Generator().manual_seed(5)
    vocabulary = trainer.model.config.vocab_size
    ids = torch.randint(3, vocabulary, (ROWS, 4 + TOKENS), generator=generator)
    lengths = torch.tensor([6, 5, 4, 3, 2, 1, 6, 4])
    mask = (torch.arange(TOKENS) < lengths[:, None]).long()
    inputs = {
        "prompt_ids": ids[:, :4],
        "prompt_mask": torch.ones(ROWS, 4, dtype=torch.long),
        "completion_ids": ids[:, 4:],
        "completion_mask": mask,
        "advantages": torch.tensor(advantages),
        "num_items_in_batch": mask.sum(),
    }
    with torch.no_grad():
        whole = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
        attention = torch.cat([inputs["prompt_mask"], mask], 1)
        logps = trainer._get_per_token_logps_and_entropies(trainer.model, whole, attention, TOKENS)[0]
    noise = 0.1 * torch.randn(logps.shape, generator=generator)
    return inputs | {"old_per_token_logps": logps + noise}


def gradient(trainer, inputs):
    trainer.model.train()
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, inputs)
    loss.backward()
    grads = [parameter.grad.flatten() for parameter in trainer.model.parameters() if parameter.grad is not None]
    return loss.detach(), torch.cat(grads)


@pytest.mark.parametrize("loss_type", LOSSES)
@pytest.mark.parametrize("advantages", ([0.0, 1.2, 0.0, -0.7, 0.0, 0.0, 0.4, 0.0], [0.0] * 8), ids=["some", "none"])
def test_a_pass_without_masked_rows_has_the_same_gradient(make_trainer, loss_type, advantages):
    trainer = make_trainer(loss_type=loss_type)
    trainer.current_gradient_accumulation_steps = 1
    inputs = make_inputs(trainer, advantages)
    trainer._skips = False
    loss, whole = gradient(trainer, inputs)
    trainer._skips = True
    shortened_loss, part = gradient(trainer, inputs)
    assert trainer._metrics["train"]["update/rows_left_out"] == [0, 5 / 8 if any(advantages) else 7 / 8]
    torch.testing.assert_close(shortened_loss, loss, rtol=1e-6, atol=1e-7)
    assert (part - whole).norm() <= 1e-6 * max(float(whole.norm()), 1e-6)


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_columns_of_tools_and_of_vllm_are_left_out_with_their_rows(make_trainer, level):
    trainer = make_trainer(loss_type="bnpo", importance_sampling_level=level)
    trainer.current_gradient_accumulation_steps = 1
    inputs = make_inputs(trainer, [0.0, 1.2, 0.0, -0.7, 0.0, 0.0, 0.4, 0.0])
    generator = torch.Generator().manual_seed(6)
    inputs["tool_mask"] = (torch.rand(ROWS, TOKENS, generator=generator) > 0.3).long()
    inputs["importance_sampling_ratio"] = torch.rand(ROWS, TOKENS, generator=generator)
    trainer.use_vllm = trainer.vllm_importance_sampling_correction = True
    trainer._skips = False
    _, whole = gradient(trainer, inputs)
    trainer._skips = True
    _, part = gradient(trainer, inputs)
    assert (part - whole).norm() <= 1e-6 * whole.norm()


def test_a_pass_with_images_is_left_whole(make_trainer):
    from gd2po.hosts.trl.skipping import shorten

    trainer = make_trainer()
    inputs = make_inputs(trainer, [0.0] * 8) | {"pixel_values": torch.zeros(3, 2)}
    assert shorten(inputs, "dapo", trainer.accelerator) is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"beta": 0.1}, "KL divergence"),
        ({"entropy_coef": 0.01}, "entropy bonus"),
        ({"top_entropy_quantile": 0.2}, "top_entropy_quantile"),
    ],
)
def test_what_acts_on_every_token_turns_skipping_off(make_trainer, options, reason):
    settings = {"estimator": "gd2po", "rewards": {"letters": {}, "brevity": {}}}
    assert not make_trainer(settings, **options)._skips
    with pytest.raises(SettingsError, match=f"skip_masked is true, but .*{reason}"):
        make_trainer({**settings, "skip_masked": True}, **options)


@pytest.mark.parametrize("options", [{}, {"num_iterations": 2, "gradient_accumulation_steps": 2}])
def test_a_run_with_and_without_skipping_ends_with_the_same_weights(make_trainer, tmp_path, options):
    weights = []
    for skip_masked in (True, False):
        settings = {"estimator": "gd2po", "rewards": {"letters": {}, "brevity": {}}, "skip_masked": skip_masked}
        trainer = make_trainer(settings, max_steps=3, optim="sgd", learning_rate=0.1, **options)
        trainer.train()
        weights.append(torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()]))
        shares = [line["update/rows_left_out"] for line in trainer.state.log_history if "update/rows_left_out" in line]
        assert any(shares) is skip_masked
    start = torch.cat(
        [p.detach().flatten() for p in type(trainer.model).from_pretrained(trainer.model.name_or_path).parameters()]
    )
    assert (weights[0] - start).norm() > 1e-3
    torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-6)
