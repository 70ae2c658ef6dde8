"""Draw masking.png: two prompts with four rollouts each, their votes, and what GDPO and GD²PO-Hard make of them.

    python -P docs/images/make_masking.py [FILE.png]

The advantages are those of ``gd2po.advantages``; nothing is drawn by hand.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from gd2po.advantages import RolloutAdvantages, compute_rollout_advantages

PROMPTS = ("prompt A", "prompt B")
SCORES = {
    "correctness": torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
    "brevity": torch.tensor([0.9, 0.2, 0.1, 0.6, 0.9, 0.7, 0.1, 0.3]),
}
SIZE = 4  # rollouts of a prompt
LENGTH = 100  # tokens of each response
BLUE, ORANGE, GREY, RED, INK = "#3b6fb6", "#e08a2e", "#6b7280", "#b3382c", "#1f2937"
PLACES = [index + (0.9 if index >= SIZE else 0.0) for index in range(2 * SIZE)]  # a gap between the prompts


def advantages(estimator: str) -> RolloutAdvantages:
    groups = [index // SIZE for index in range(2 * SIZE)]
    return compute_rollout_advantages(SCORES, groups, torch.full((2 * SIZE,), LENGTH), estimator=estimator)


def main(path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    gdpo, hard = advantages("gdpo"), advantages("gd2po")
    plt.rcParams.update({"font.size": 10, "font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK})
    figure, axes = plt.subplots(3, 1, figsize=(8.6, 6.3), sharex=True, height_ratios=(1.15, 1, 1))

    votes, width = axes[0], 0.36
    for (name, color), shift in zip((("correctness", BLUE), ("brevity", ORANGE)), (-width / 2, width / 2), strict=True):
        votes.bar([x + shift for x in PLACES], gdpo.per_reward[name].tolist(), width, color=color, label=name)
    votes.legend(loc="lower right", frameon=False, ncols=2, bbox_to_anchor=(1.0, 0.98), borderaxespad=0)
    title(votes, "Votes", "each reward, normalised within its prompt")

    bars(axes[1], gdpo.rollout_advantages)
    title(axes[1], "GDPO", "the votes are added; what is left of a contradiction still moves the policy")

    bars(axes[2], hard.rollout_advantages)
    title(axes[2], "GD²PO-Hard", "no advantage where the votes disagree; a prompt counts by its kept share")
    for index, kept in enumerate(hard.kept.tolist()):
        if not kept:
            axes[2].plot(PLACES[index], 0, "x", color=RED, markersize=9, markeredgewidth=2.2, zorder=4)
    for first, prompt in zip((0, SIZE), PROMPTS, strict=True):
        middle = sum(PLACES[first : first + SIZE]) / SIZE
        kept = int(hard.kept[first : first + SIZE].sum())
        label = f"{prompt}: {kept} of {SIZE} kept, weight {hard.query_weight[first]:g}"
        below = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
        axes[2].annotate(label, (middle, 0), (0, -29), weight="bold", **below)

    for ax in axes:
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.spines[["top", "right", "bottom", "left"]].set_visible(False)
        ax.tick_params(length=0, colors=GREY)
        ax.set_yticks([-1, 0, 1])
        ax.set_ylim(-1.75, 1.75)
        ax.grid(axis="y", color="#e5e7eb", linewidth=0.8)
        ax.set_axisbelow(True)
        for index, conflict in enumerate(hard.conflict.tolist()):
            if conflict:
                ax.axvspan(PLACES[index] - 0.49, PLACES[index] + 0.49, color="#fbe9e7", zorder=0, linewidth=0)
    for index, conflict in enumerate(hard.conflict.tolist()):
        if conflict:
            votes.text(PLACES[index], 1.42, "conflict", color=RED, ha="center", fontsize=9)
    axes[2].set_xticks(PLACES, [str(index % SIZE + 1) for index in range(2 * SIZE)])
    figure.subplots_adjust(left=0.06, right=0.985, top=0.945, bottom=0.095, hspace=0.34)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def bars(ax: Any, values: torch.Tensor) -> None:
    drawn = ax.bar(PLACES, values.tolist(), 0.5, color="#4b8b6f", zorder=2)
    labels = [f"{value:+.2f}".replace("-", "−") if value else "" for value in values.tolist()]
    ax.bar_label(drawn, labels, padding=2, fontsize=8.5, color=INK)


def title(ax: Any, name: str, text: str) -> None:
    ax.annotate(name, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", weight="bold", fontsize=11)
    ax.annotate(
        text,
        (0, 1),
        ({5: 48, 4: 45, 10: 88}[len(name)], 6),
        xycoords="axes fraction",
        textcoords="offset points",
        color=GREY,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("masking.png"))
