"""The order of the rows changes nothing."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gd2po.insight.check.as_json import to_json
from gd2po.insight.check.verdict import judge


def flat(value, path=""):
    """Leaves of nested JSON by path."""
    if isinstance(value, dict):
        return {key: leaf for name, item in value.items() for key, leaf in flat(item, f"{path}/{name}").items()}
    if isinstance(value, list):
        return {key: leaf for i, item in enumerate(value) for key, leaf in flat(item, f"{path}/{i}").items()}
    return {path: value}


rows = st.tuples(
    st.integers(0, 5),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 2)),
    st.sampled_from("xy"),
    st.integers(0, 9),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, min_size=8, max_size=40), st.randoms(use_true_random=False))
def test_permuted_rows_give_the_same_check(checked, drawn, random):
    if max(np.bincount([row[0] for row in drawn])) < 2:
        return
    shuffled = list(drawn)
    random.shuffle(shuffled)
    names = ("group", "a", "b", "data_source", "response_length")
    results = []
    for order in (drawn, shuffled):
        columns = {
            name: ["" if cell is None else cell for cell in column]
            for name, column in zip(names, zip(*order, strict=True), strict=True)
        }
        evidence = checked(columns, scores=("a", "b"), taus=(0.5,))
        results.append(flat(json.loads(to_json(evidence, judge(evidence)))))
    assert results[0].keys() == results[1].keys()
    for path, value in results[0].items():
        other = results[1][path]
        assert value == (pytest.approx(other, abs=1e-5) if isinstance(other, float) else other), path
