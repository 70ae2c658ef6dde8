"""Padded batches under a token budget."""

from hypothesis import given
from hypothesis import strategies as st

from gd2po.evaluation.generation.batches import batch_size, next_batch
from gd2po.evaluation.generation.prompts import Prompt

prompts = st.lists(
    st.builds(Prompt, st.just("id"), st.lists(st.just(0), min_size=1, max_size=20), st.integers(1, 9)), min_size=1
).map(lambda found: sorted(found, key=lambda prompt: len(prompt.tokens), reverse=True))


def test_size_counts_padding_of_prompt_and_answer():
    assert batch_size([Prompt("a", [1, 2, 3], 1), Prompt("b", [1], 4)]) == 2 * (3 + 4)


@given(prompts, st.integers(1, 200))
def test_a_batch_is_the_longest_head_within_budget_and_padding(waiting, budget):
    def allowed(rows):
        head = waiting[:rows]
        return batch_size(head) <= budget and 2 * len(head[-1].tokens) >= len(head[0].tokens)

    batch = next_batch(waiting, budget)
    assert batch == waiting[: len(batch)] and batch
    assert len(batch) == 1 or allowed(len(batch))
    assert len(batch) == len(waiting) or not allowed(len(batch) + 1)
