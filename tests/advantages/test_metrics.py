import math
import re

import pytest
import torch

from gd2po.advantages import compute_advantages, metrics

NAN = math.nan


@pytest.fixture
def mixed():
    """Groups a (3 rollouts), b (1) and c (no score at all), and a padding row of group a."""
    scores = {
        "wins": torch.tensor([1.0, 0, 0, 1, NAN, 9]),
        "cost": torch.tensor([3.0, 1, NAN, 2, NAN, 9]),
    }
    mask = torch.arange(4) < torch.tensor([1, 2, 3, 4, 2, 4])[:, None]
    return scores, "aaabca", mask


def _run(batch, **options):
    return compute_advantages(*batch, valid=torch.tensor([True] * 5 + [False]), **options).metrics


def test_figures(mixed):
    """In group a the win costs more: its votes are 2/√3 and −1/√2, those of the loss −1/√3 and 1/√2."""
    win, loss, cost = 2 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(2)
    ratios = (win - cost) / (win + cost), (cost - loss) / (cost + loss)
    unfiltered = torch.tensor([win - cost, cost - loss, -loss, 0])
    unfiltered -= unfiltered @ torch.tensor([1.0, 2, 3, 4]) / 10
    size = 4 * unfiltered.square().mean().sqrt()
    gains = unfiltered @ torch.tensor([[win, -loss, -loss, 0], [-cost, cost, 0, 0]]).T / size
    assert _run(mixed, directions={"cost": "minimize"}) == {
        "reward/wins/mean": 0.5,
        "reward/wins/std": pytest.approx(math.sqrt(1 / 3)),
        "reward/wins/min": 0.0,
        "reward/wins/max": 1.0,
        "reward/wins/missing": 1.0,
        "adv/wins/zero_spread_groups": 0.0,
        "reward/cost/mean": 2.0,
        "reward/cost/std": 1.0,
        "reward/cost/min": 1.0,
        "reward/cost/max": 3.0,
        "reward/cost/missing": 2.0,
        "adv/cost/zero_spread_groups": 0.0,
        "update/wins/share": 1.0,
        "update/cost/share": 0.0,
        "update/wins/gain": pytest.approx(0.4 * loss, abs=1e-5),  # kept are −4/21 and 3/21, but for a factor
        "update/cost/gain": 0.0,
        "update/wins/gain_unfiltered": pytest.approx(float(gains[0]), abs=1e-5),
        "update/cost/gain_unfiltered": pytest.approx(float(gains[1]), abs=1e-5),
        "conflict/rate": 0.5,
        "conflict/masked": 0.5,
        "conflict/kept": 0.5,
        "conflict/emptied_groups": 0.0,
        "conflict/snr_mean": pytest.approx(sum(ratios) / 2, abs=1e-5),
        "conflict/snr_p50": pytest.approx(min(ratios), abs=1e-5),
        "conflict/pair/cost|wins": pytest.approx(2 / 3),
        "query_weight/mean": pytest.approx((3 * 1 / 3 + 1) / 4),
        "query_weight/min": pytest.approx(1 / 3),
        "whiten/population": 7.0,
        "whiten/mean": pytest.approx(3 * -loss / 3 / 7, abs=1e-5),
        "whiten/std": pytest.approx(0.102869, abs=1e-5),
        "tokens/masked_share": pytest.approx(5 / 12),
        "groups/count": 2.0,
        "groups/singletons": 1.0,
        "rollouts/count": 4.0,
        "rollouts/unscored": 1.0,
    }


def test_the_same_names_for_every_estimator(mixed):
    names = [list(_run(mixed, estimator=estimator)) for estimator in ("grpo", "gdpo", "gd2po")]
    assert names[0] == names[1] == names[2]


def test_grpo_reports_conflicts_it_does_not_act_on(mixed):
    figures = _run(mixed, estimator="grpo", directions={"cost": "minimize"})
    assert figures["conflict/rate"] == 0.5
    assert figures["conflict/masked"] == 0
    assert figures["conflict/kept"] == 1


@pytest.mark.parametrize(("estimator", "share"), [("gdpo", 0.5), ("gd2po", 0.5), ("grpo", 0.01 / 1.01)])
def test_what_the_update_is_made_of(estimator, share):
    """Normalised one by one, a small reward speaks as loudly as a large one; summed first, by its size."""
    scores = {"small": torch.tensor([0.01, 0, 0, 0.01]), "large": torch.tensor([1.0, 0, 0, 1])}
    figures = compute_advantages(scores, "qqqq", torch.ones(4, 2), estimator=estimator).metrics
    assert figures["update/small/share"] == pytest.approx(share, abs=1e-4)
    assert figures["update/large/share"] == pytest.approx(1 - share, abs=1e-4)


@pytest.mark.parametrize("estimator", ["grpo", "gdpo", "gd2po"])
def test_gains_are_of_the_advantages_that_are_used(estimator):
    generator = torch.Generator().manual_seed(0)
    scores = dict(zip("abc", torch.randn(3, 40, generator=generator, dtype=torch.float64), strict=True))
    groups = [row // 4 for row in range(40)]

    def run(**options):
        return compute_advantages(
            scores, groups, torch.ones(40, 2), reward_weights={"a": 1, "b": 2, "c": -1}, **options
        )

    result = run(estimator=estimator)
    unfiltered = run(estimator="gdpo" if estimator == "gd2po" else estimator)
    for name in scores:
        for figure, used in (("gain", result), ("gain_unfiltered", unfiltered)):
            along = used.rollout_advantages.double()
            by_hand = float(result.per_reward[name].double() @ along / 40 / along.square().mean().sqrt())
            assert result.metrics[f"update/{name}/{figure}"] == pytest.approx(by_hand, abs=1e-6)


def test_terms_of_grpo_add_up_to_its_advantage():
    """Also where rewards cancel in a rollout, have offsets, or are missing."""
    from gd2po.advantages.batch import assemble
    from gd2po.advantages.registry import ESTIMATORS, normaliser

    scores = {"a": torch.tensor([1.0, 5, 2, NAN, 8, 8]), "b": torch.tensor([100.0, 96, 104, 99, 1, 1])}
    options = {"reward_weights": {"a": 1.0, "b": 0.5}, "directions": {"b": "minimize"}, "missing": "drop"}
    batch = assemble(scores, "qqqqrr", torch.ones(6), valid=None, normaliser=normaliser("group_std"), **options)
    estimate = ESTIMATORS.choose("grpo")(batch)
    torch.testing.assert_close(estimate.terms.sum(0), estimate.advantages)


def test_nothing_to_count_is_zero():
    empty = compute_advantages({"a": torch.tensor([NAN, NAN]), "b": torch.tensor([NAN, NAN])}, "qq", torch.ones(2, 3))
    figures = {name: value for name, value in empty.metrics.items() if value}
    assert figures == {"reward/a/missing": 2, "reward/b/missing": 2, "rollouts/unscored": 2, "tokens/masked_share": 1}
    none = compute_advantages({"a": torch.ones(0)}, [], torch.ones(0, 3)).metrics
    assert not any(none.values())


def test_ties_are_counted():
    figures = compute_advantages({"a": torch.tensor([0.1, 0.1, 1, 2, 5])}, "xxyyz", torch.ones(5, 1)).metrics
    assert figures["adv/a/zero_spread_groups"] == 1


def test_pairs_are_named_alphabetically_whatever_the_order_of_rewards():
    scores = {name: torch.rand(4) for name in ("c", "a", "b")}
    figures = compute_advantages(scores, "qqqq", torch.ones(4, 2)).metrics
    assert [name for name in figures if "pair" in name] == [f"conflict/pair/{p}" for p in ("a|b", "a|c", "b|c")]


def _documented(cells):
    """The names of table cells such as `a/{b,c}` and `a/b`, `a/c`."""
    for name in re.findall(r"`(.+?)`", " ".join(cells)):
        stem, _, choices = name.replace("\\|", "|").partition("{")
        yield from (stem + choice for choice in choices.rstrip("}").split(","))


def _in_the_table():
    return set(_documented(line[:40] for line in metrics.__doc__.splitlines() if line.startswith("`")))


def test_every_metric_is_in_the_table(mixed):
    names = {re.sub(r"(reward|adv|update)/(wins|cost)", r"\1/<name>", name) for name in _run(mixed)}
    assert {re.sub(r"pair/.*", "pair/<a>|<b>", name) for name in names} == _in_the_table()


def test_the_page_about_the_method_has_the_same_table(request):
    page = (request.config.rootpath / "docs" / "method.md").read_text(encoding="utf-8")
    rows = page.split("\n## Metrics\n")[1].split("\n## ")[0].splitlines()
    cells = [line.replace("\\|", "¦").split("|")[1].replace("¦", "|") for line in rows if line.startswith("| `")]
    watched = {f"watch/<name>/{figure}" for figure in ("mean", "std", "min", "max", "missing")}
    assert set(_documented(cells)) == _in_the_table() | {"rollouts/lost"} | watched  # these are the trainer's


def test_watched_scores_have_the_figures_of_rewards():
    figures = metrics.watch_metrics({"quality": torch.tensor([1.0, NAN, 3.0]), "none": torch.tensor([NAN])})
    assert figures == {
        "watch/quality/mean": 2,
        "watch/quality/std": pytest.approx(math.sqrt(2)),
        "watch/quality/min": 1,
        "watch/quality/max": 3,
        "watch/quality/missing": 1,
        **{f"watch/none/{figure}": 0 for figure in ("mean", "std", "min", "max")},
        "watch/none/missing": 1,
    }
