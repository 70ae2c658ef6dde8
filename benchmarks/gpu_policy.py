"""A policy of random weights in plain torch and transformers, its loss, and micro-batches of random rollouts.

Shared by gpu_update.py and its test.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SIZES = {  # hidden, intermediate, layers, heads, key-value heads, vocabulary
    "tiny": (256, 1024, 4, 4, 2, 4096),
    "0.5b": (896, 4864, 24, 14, 2, 151_936),
    "1.5b": (1536, 8960, 28, 12, 2, 151_936),
}
PROMPT, CLIP = 16, 0.2


@dataclass(frozen=True)
class Row:
    """One rollout: ids [prompt + response], old log-probabilities [response], advantage."""

    ids: Tensor
    old_log_probs: Tensor
    advantage: float


@dataclass(frozen=True)
class MicroBatch:
    """Inputs of the model, where its outputs predict response tokens [B, S], and values per response token."""

    inputs: dict[str, Tensor]
    predicts: Tensor
    targets: Tensor
    old_log_probs: Tensor
    advantages: Tensor


class Policy:
    """A randomly initialised Qwen2 with its optimizer; a learning rate of 0 keeps the weights."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        from transformers import AutoModelForCausalLM, Qwen2Config

        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=chosen.dtype == "bfloat16")
        hidden, intermediate, layers, heads, kv_heads, vocabulary = SIZES[chosen.size]
        config = Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            tie_word_embeddings=True,
            use_cache=False,
        )
        torch.manual_seed(chosen.seed)
        with self.device:
            self.model = AutoModelForCausalLM.from_config(
                config, attn_implementation=chosen.attention, dtype=torch.float32
            )
        self.model.train().gradient_checkpointing_enable()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.0, fused=True)

    def name(self) -> str:
        """What runs where."""
        card = torch.cuda.get_device_name() if self.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        return f"{self.model.num_parameters() / 1e6:,.0f} M weights on {card}"

    def log_probs(self, batch: MicroBatch) -> Tensor:
        """Log-probabilities of the response tokens, in order of rows."""
        with self.autocast:
            hidden = self.model.model(**batch.inputs).last_hidden_state[batch.predicts]
            logits = self.model.lm_head(hidden)
        return -nn.functional.cross_entropy(logits.float(), batch.targets, reduction="none")

    def backward(self, batches: Sequence[MicroBatch], tokens: int) -> None:
        """Gradient of the clipped policy loss, averaged over the `tokens` of all rows, skipped ones included."""
        self.optimizer.zero_grad()
        for batch in batches:
            ratio = (self.log_probs(batch) - batch.old_log_probs).exp()
            clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
            loss = torch.maximum(-ratio * batch.advantages, -clipped * batch.advantages).sum() / tokens
            loss.backward()

    def update(self, batches: Sequence[MicroBatch], tokens: int) -> None:
        """One step of the optimizer."""
        self.backward(batches, tokens)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    @torch.no_grad()
    def old_log_probs(self, batches: Sequence[MicroBatch]) -> None:
        """The forward pass before an update."""
        for batch in batches:
            self.log_probs(batch)

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def draw_rows(chosen: argparse.Namespace, kept: float) -> list[Row]:
    """Random tokens, log-normal lengths, an advantage in a share of the rows and 0 in the others."""
    draw = torch.Generator().manual_seed(chosen.seed)
    lengths = torch.empty(chosen.rows).log_normal_(5.5, 0.6, generator=draw).long().clamp(8, chosen.tokens)
    informative = torch.rand(chosen.rows, generator=draw).argsort() < round(kept * chosen.rows)
    advantages = torch.randn(chosen.rows, generator=draw) * informative
    vocabulary = SIZES[chosen.size][-1]
    expected = -torch.tensor(float(vocabulary)).log()
    return [
        Row(
            torch.randint(vocabulary, (PROMPT + length,), generator=draw),
            expected + 0.1 * torch.randn(length, generator=draw),
            advantage,
        )
        for length, advantage in zip(lengths.tolist(), advantages.tolist(), strict=True)
    ]


def micro_batches(rows: Sequence[Row], budget: int, packed: bool, device: torch.device) -> list[MicroBatch]:
    """Rows of like length together, as many as fit the budget of tokens (with padding), at least one."""
    parts: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: len(row.ids), reverse=True):
        part = [*parts[-1], row] if parts else [row]
        tokens = sum(len(row.ids) for row in part) if packed else len(part) * len(part[0].ids)
        if parts and tokens <= budget:
            parts[-1] = part
        else:
            parts.append([row])
    return [micro_batch(part, packed, device) for part in parts]


def micro_batch(rows: Sequence[Row], packed: bool, device: torch.device) -> MicroBatch:
    """Rows end to end with positions that begin anew, or padded on the right: causal attention needs no mask then."""
    ids = [row.ids for row in rows]
    predicts = [torch.arange(len(row)).ge(PROMPT - 1) & torch.arange(len(row)).lt(len(row) - 1) for row in ids]
    if packed:
        inputs = {"input_ids": torch.cat(ids)[None]}
        inputs["position_ids"] = torch.cat([torch.arange(len(row)) for row in ids])[None]
        where = torch.cat(predicts)[None]
    else:
        inputs = {"input_ids": nn.utils.rnn.pad_sequence(ids, batch_first=True)}
        where = nn.utils.rnn.pad_sequence(predicts, batch_first=True)
    advantages = torch.cat([torch.full((len(row.ids) - PROMPT,), row.advantage) for row in rows])
    return MicroBatch(
        {name: value.to(device) for name, value in inputs.items()},
        where.to(device),
        torch.cat([row[PROMPT:] for row in ids]).to(device),
        torch.cat([row.old_log_probs for row in rows]).to(device),
        advantages.to(device),
    )
