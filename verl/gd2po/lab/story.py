"""The sentences of the document, with the tables between them.

Figures are filled in from the summary; the words were written for the results in ``docs/results.json``, and tests
compare what they claim with them.
"""

from collections.abc import Iterator, Mapping

from gd2po.lab import tables, trained_story
from gd2po.lab.figures import Figures
from gd2po.lab.methods import METHODS, REFERENCE
from gd2po.lab.parts import Section, Table, percent, plain, wordy
from gd2po.lab.predicting import RuleOutcome
from gd2po.lab.rules import CHECK, UNFILTERED
from gd2po.lab.summary import SETS, Summary

TITLE = "Results: which method in which regime"

RECOMMENDED = "gdpo_shrunk"
"""The method with which a training should begin; tests compare what is said of it with the results."""


def sections(summary: Summary) -> Iterator[Section]:
    """The parts of the document."""
    figures, everything = Figures(summary), tuple(summary.methods)
    trainings = Section("In the real trainer", tuple(trained_story.parts(summary)))
    if not summary.tasks:  # the trainings of a machine, to be put together with others
        yield trainings
        return
    yield Section("", (_introduction(summary),))
    yield Section("In short", (_in_short(summary, figures),))
    yield Section("How to choose", (_decisions(summary, figures),))
    yield Section("What was run", _setting(summary))
    yield Section(
        "Methods over all worlds",
        (
            "Differences of the weighted mean of the gold rewards after the last step to `gdpo`: means over worlds "
            "with 95 % intervals (bootstrap over worlds), and the number of worlds in which a method is clearly better "
            "or worse than `gdpo` (see above).",
            tables.overview(summary),
            "Over all worlds: the mean over the training (area under the curve), the least of the gold rewards, the "
            "hypervolume of the evaluated policies (worlds of two or three rewards), and the difference to the best of "
            "the papers' methods in each world, chosen on the other half of the seeds.",
            tables.other_measures(summary),
        ),
    )
    yield Section(
        "By regime",
        (
            "Mean differences to `gdpo` over the worlds of a regime, of both sets; a world can be in several.",
            tables.regimes(summary, tables.MAIN),
        ),
    )
    yield Section(
        "World by world",
        (
            "Weighted mean of the gold rewards after the last step; bold with + or −: clearly better or worse than "
            "`gdpo`. The first set:",
            tables.worlds_table(summary, False, tables.MAIN, "document"),
            tables.worlds_table(summary, False, everything, "page"),
            "The held-out set:",
            tables.worlds_table(summary, True, tables.MAIN, "document"),
            tables.worlds_table(summary, True, everything, "page"),
        ),
    )
    yield Section("Where each loses", ("Clear losses against `gdpo`:", tables.losses(summary, everything)))
    yield Section("Why", (*_why(summary), tables.updates_table(summary, everything)))
    yield Section("Predictions against outcomes", _predictions(summary))
    if summary.trained:
        yield trainings
    yield Section("The papers' claims beside it", (_claims(summary, figures),))
    yield Section("The files", _files())
    yield Section("Make it again", _commands())


def _introduction(summary: Summary) -> str:
    counts = " and ".join(f"{sum(task.held_out is held for task in summary.tasks)} {name}" for name, held in _SETS)
    text = (
        f"{len(summary.methods)} methods in small exact worlds ({counts}), made by `gd2po lab worlds` and "
        "`gd2po lab page`; all figures of this page are in `results.json` beside it. Small policies without a language "
        "prior give hints about large models, not proofs."
    )
    if summary.trained:
        text += " Trainings of language models in a real trainer, by `gd2po lab runs`, stand beside them."
    if summary.left_out:
        text += f" Not finished, and left out: {', '.join(summary.left_out)}."
    return text


_SETS = (("in the first set", False), ("held out", True))


def _in_short(summary: Summary, figures: Figures) -> tuple[str, ...]:
    total = len(summary.tasks)
    rules = summary.rules.get("held out", {}).get("start", {})
    items = [
        f"**Masking costs.** Hard is {figures.better_worse('gd2po_hard')} of {total} worlds, SNR with τ = 0.8 is "
        f"{figures.better_worse('gd2po_snr0.8')}, τ = 0.5 {figures.better_worse('gd2po_snr0.5')}, τ = 0.2 "
        f"{figures.better_worse('gd2po_snr0.2')}. Mean difference of Hard to `gdpo`: {figures.both('gd2po_hard')}.",
        "**Not dividing by a small group's small spread helps.** Mean differences to `gdpo`: `gdpo_shrunk` "
        f"{figures.both('gdpo_shrunk')}; `gdpo_floored` {figures.both('gdpo_floored')}; `gdpo_pooled` "
        f"{figures.both('gdpo_pooled')}. They are {figures.better_worse('gdpo_shrunk')}, "
        f"{figures.better_worse('gdpo_floored')}, and {figures.better_worse('gdpo_pooled')}.",
        f"**GRPO and GDPO each win some.** `grpo` is {figures.better_worse('grpo')}. It wins where the reward that "
        "matters has the larger raw spread (a rule of 0 and 1 beside a length), and loses where a loud, noisy or "
        "unimportant reward has it.",
        "**No method is within noise of the best everywhere**; the tables below tell where each loses.",
    ]
    if CHECK in rules:
        items.append(
            f"**Choosing by `gd2po check`** from rollouts at the start is within noise of the best in "
            f"{percent(rules[CHECK].within)} of the held-out cases; always `gdpo` in "
            f"{percent(rules['always gdpo'].within)}, always `gdpo_shrunk` in "
            f"{percent(rules['always gdpo_shrunk'].within)}."
        )
    return (*items, *trained_story.in_short(summary))


def _decisions(summary: Summary, figures: Figures) -> tuple[str, ...]:
    return (
        f"**Start with `method={RECOMMENDED}`**: it beats `gdpo` on average in both sets, and its largest loss is "
        f"small beside those of the others (against `gdpo`: {figures.worst(RECOMMENDED)}; `gdpo_pooled` "
        f"{figures.worst('gdpo_pooled')}, `grpo` {figures.worst('grpo')}, Hard {figures.worst('gd2po_hard')})."
        + trained_story.of_method(summary, RECOMMENDED),
        "**A judge may be hackable**, that is, its score can rise by something that you do not want: stay with `gdpo`, "
        "whose division by each group's spread limits how loudly a growing score speaks, and watch the gold reward.",
        "**A sparse rule beside easy, dense rewards, all on one scale, and no noisy judge**: try `grpo` as well, or "
        "`gdpo_pooled`, which both let groups in which the rule tells rollouts apart speak louder.",
        "**Scales differ, or a judge is noisy, heavy-tailed or of little weight**: not `grpo`.",
        "**If a mask is wanted**, take `gd2po_snr` with τ of 0.2 or less, or `gd2po_guard`, which mostly masks "
        "nothing. Not Hard with more than two rewards, with duplicates, or with unequal weights.",
        "**Look before and while you train**: `gd2po check` names rewards that the sum pushes down; a larger weight "
        "is the remedy that throws no rollout away.",
        *trained_story.contradictions(summary, RECOMMENDED, ("gd2po_hard", "gd2po_snr0.8", "gd2po_snr0.5")),
    )


def _setting(summary: Summary) -> tuple["str | tuple[str, ...] | Table", ...]:
    slow = [f"`{name}`" for name, method in METHODS.items() if method.most_seeds and name in summary.methods]
    fewer = f" 5 for {', '.join(slow)}, whose weights a solver finds for one seed at a time." if slow else ""
    missing = [f"`{name}`" for name in METHODS if name not in summary.methods]
    unfinished = (f"The command has these methods too, which are not on this page: {', '.join(missing)}.",)
    return (
        "A world is a set of rewards over answers of five tokens (1,024 answers), with 64 prompts to train on and 32 "
        "to test on; a policy with one hidden layer, 796 weights that all prompts share, answers them. Expected gold "
        "rewards are exact, by enumeration. Training is PPO with a clip of 0.2, four mini-batches and 16 groups of 8 a "
        "step, Adam, gradients cut to norm 1, 200 steps, where a world does not say otherwise.",
        (
            "All methods of a world and a seed share start, prompts and random numbers, so differences are paired. "
            f"20 seeds.{fewer}",
            "*Clearly*: the paired t test over seeds has p < 0.05 after Holm's correction for all comparisons with "
            "`gdpo` of a set of worlds, and the mean difference is at least .001. Intervals are 95 % percentile "
            "bootstraps of 2,000 samples, without a correction.",
            "The first set follows the descriptions of an earlier lab; learning rates were set by what `gdpo` learned "
            "in it. The held-out worlds were written down, and committed, before any method was run in one of them. "
            "After that `pairs` was run with `gdpo`, `gdpo_upgrad` and three seeds to try the command, and the "
            "activation function of the policy was changed for speed, in all worlds, before any other held-out run.",
            "The advantages are those of the registered normalisers, filters and combinations; a test compares every "
            "method with `compute_advantages`, seed by seed, to 1e-6.",
            *(unfinished if missing else ()),
        ),
    )


def _why(summary: Summary) -> tuple[str, ...]:
    kept = 1 - tables.mean_update(summary, "gd2po_hard", "start", "masked")
    hard, usual = (tables.mean_update(summary, name, "start", "cosine") for name in ("gd2po_hard", "gdpo"))
    return (
        "Means over all worlds, at the start and at the policies that `gdpo` has halfway: the cosine of the update of "
        "one batch with the exact gradient of the weighted gold rewards; the cosine of the mean over batches, which "
        "more data would approach; the squared length of the mean over the variance of a batch; the share of rollouts "
        "that are masked. A mask lowers all three: to first order no advantage of a given size raises the weighted sum "
        "more than the unfiltered one, of which a mask keeps about the square root of the kept share (at the start "
        f"{plain(kept**0.5, 2)} for Hard; its cosine is {plain(hard / usual, 2)} of GDPO's).",
    )


def _predictions(summary: Summary) -> tuple["str | tuple[str, ...] | Table", ...]:
    return (
        "The gain c_k ([method](method.md#metrics)) is computed from sampled scores alone. Rank correlation: of the "
        "predicted summed gain with what the weighted gold rewards did in the next 25 steps, over methods, mean over "
        "worlds. The last columns: how often a gold reward fell where its predicted gain was below, or above, 0 beyond "
        "two standard errors.",
        tables.predictions_table(summary),
        "Rules that choose a method from the rollouts of 64 prompts: their mean distance to the best of twelve "
        "candidates, how often their choice is within noise of it, and the difference to always taking `gdpo`.",
        tables.rules_table(summary),
        *_best_rule(summary),
    )


def _best_rule(summary: Summary) -> Iterator[str]:
    first, held_out = (summary.rules.get(name, {}).get("start", {}) for name in SETS)
    if not first or not first.keys() <= held_out.keys():
        return
    best = min(first, key=lambda rule: first[rule].shortfall[0])
    fixed = ", ".join(f"{rule} {plain(held_out[rule].shortfall[0])}" for rule in _SIMPLE)
    yield (
        f"Rules were compared on the first set alone; the best one there is “{best}”. Held out it falls short by "
        f"{plain(held_out[best].shortfall[0])} ({fixed}). {_looking_or_not(held_out)}"
    )
    yield (
        f"That `gd2po check` suggests `{UNFILTERED}` where it finds no filter justified follows from these figures, of "
        f"both sets; before, it suggested `{REFERENCE}` there, which is the rule “{CHECK}, {REFERENCE} for "
        f"{UNFILTERED}”."
    )


def _looking_or_not(held_out: Mapping[str, RuleOutcome]) -> str:
    """Whether a rule that looks at scores is better in the held-out worlds than the recommended method always."""
    always = held_out[f"always {RECOMMENDED}"].shortfall[0]
    looking = {rule: score.shortfall[0] for rule, score in held_out.items() if not rule.startswith("always ")}
    best = min(looking, key=lambda rule: looking[rule])
    if looking[best] < always:
        return (
            f"The rule “{best}” looks at scores and falls short by {plain(looking[best])}, less than always taking "
            f"`{RECOMMENDED}`."
        )
    return (
        f"No rule that looks at scores is better there than always taking `{RECOMMENDED}`: the sampled scores of one "
        "batch do not tell which method will win."
    )


_SIMPLE = ("always gdpo", "always gdpo_floored", "always gdpo_shrunk", "always grpo", "always gd2po_hard")


def _claims(summary: Summary, figures: Figures) -> Table:
    return wordy(
        (
            (
                "GRPO: one advantage of the summed reward ([2402.03300](https://arxiv.org/abs/2402.03300), which has "
                "one reward)",
                f"{figures.better_worse('grpo')}: sound where raw scales say what matters.",
                "The paper does not claim it for several rewards.",
            ),
            (
                "GDPO: normalising each reward keeps distinctions that the sum loses, and is better than GRPO on tool "
                "calling, mathematics and code ([2601.05242](https://arxiv.org/abs/2601.05242))",
                f"Level on average: `grpo` differs by {figures.both('grpo')}."
                + trained_story.of_method(summary, "grpo"),
                "Language models of billions of weights, learning rates near 1e-6, weights chosen for each task.",
            ),
            (
                "GD²PO: masking conflicting rollouts enlarges effective advantages, speeds up learning, and "
                "consistently beats GDPO on tool calling and on helpfulness with safety; SNR for three or more "
                "rewards, where Hard is too strict ([2606.16771](https://arxiv.org/abs/2606.16771), of which the "
                "abstract and summaries were read)",
                f"Not seen: Hard is {figures.better_worse('gd2po_hard')}. SNR is milder than Hard, as claimed. Small "
                "rates and uncut gradients, as in the paper, change nothing (worlds small-rate and "
                "small-rate-tradeoff), nor does a world that was built to suit a mask (opposing-errors)."
                + trained_story.of_method(summary, "gd2po_hard"),
                "A language prior, long answers, reward models whose errors may be of another kind; two tasks, and no "
                "intervals over seeds that we know of.",
            ),
            (
                "RVPO: a soft minimum serves the worst reward ([2605.05750](https://arxiv.org/abs/2605.05750))",
                f"`gdpo_softmin` is {figures.better_worse('gdpo_softmin')}; see *least reward* above."
                + trained_story.of_method(summary, "gdpo_softmin"),
                "The paper moves the sharpness during training; here it is 1.",
            ),
        ),
        ("claim", "seen here", "what differs"),
    )


def _files() -> tuple["str | tuple[str, ...] | Table", ...]:
    return (
        "Every result is one JSON file of the schema `gd2po-lab-1` (`verl/gd2po/lab/results.py` describes each field): "
        "`WORLD/METHOD.json` for worlds, and `TASK/METHOD-HOST-MODEL-seedN.json` for trainings of a model, by whatever "
        "program wrote it.",
        wordy(
            (
                ("`kind`", "`worlds` or `runs`"),
                ("`task`", "name, summary, categories, `held_out`, rewards, weights, other settings"),
                ("`method`, `settings`", "the name, and the settings under `algorithm.gd2po` with the estimator"),
                ("`setup`", "host, model and device; runs only"),
                ("`seeds`, `steps`", "the seeds, and the steps at which the policy was evaluated"),
                ("`gold`", "reward → gold rewards, for each evaluation and seed; for runs, of validations"),
                ("`rollouts`, `elapsed`", "rollouts and seconds up to each evaluation, for each seed; runs only"),
                ("`updates`", "the update at the start and halfway: see the tables above; worlds only"),
            ),
            ("field", "meaning"),
        ),
    )


def _commands() -> tuple[str, ...]:
    return (
        "The first command takes about 20 minutes on two cores, goes on where it was stopped, and gives the same "
        "figures again; `--worlds`, `--methods`, `--held-out` and `--seeds` choose a part. The second needs TRL or "
        "verl, trains until `--hours` are over, and goes on, too; other machines can train into folders of their own, "
        "as `bash scripts/gpu_evidence.sh` does on a GPU, of which `gd2po lab page` makes one page. The page shows all "
        "methods in every table.",
        "```bash\ngd2po lab worlds --seeds 20\ngd2po lab runs --host trl --hours 2\n"
        "gd2po lab page outputs/lab --html results.html\n"
        "gd2po lab page outputs/lab --summary docs/results.json --document docs/results.md\n```",
    )
