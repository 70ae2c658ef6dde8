"""Equal requests under the same weights draw from the same numbers."""

import torch

from gd2po.decoding.sampling import Sampling
from gd2po.hosts.verl.cpu.rollout.random_numbers import Occurrences, prompt_key, uniform_numbers

KEY = prompt_key(3, [1, 2], Sampling())


def test_numbers_follow_from_seed_key_and_occurrence_alone():
    torch.manual_seed(1)
    first = uniform_numbers(42, KEY, 0, 5)
    torch.manual_seed(2)
    assert torch.equal(first, uniform_numbers(42, KEY, 0, 5))
    others = [uniform_numbers(43, KEY, 0, 5), uniform_numbers(42, KEY, 1, 5), uniform_numbers(42, KEY + "0", 0, 5)]
    assert not any(torch.equal(first, other) for other in others)


def test_a_longer_request_begins_with_the_same_numbers():
    assert torch.equal(uniform_numbers(0, KEY, 0, 9)[:5], uniform_numbers(0, KEY, 0, 5))


def test_weights_prompt_and_way_of_sampling_make_the_key():
    others = [
        prompt_key(4, [1, 2], Sampling()),
        prompt_key(3, [1, 3], Sampling()),
        prompt_key(3, [1, 2], Sampling(0.5)),
    ]
    assert len({KEY, *others}) == 4
    assert prompt_key(3, (1, 2), Sampling()) == KEY


def test_equal_requests_are_numbered_and_a_new_version_begins_again():
    occurrences = Occurrences()
    assert [occurrences.next(1, "a"), occurrences.next(1, "a"), occurrences.next(1, "b")] == [0, 1, 0]
    assert occurrences.next(2, "a") == 0
    assert occurrences.next(1, "a") == 2, "a replica that is one version behind is still counted"


def test_old_versions_are_forgotten():
    occurrences = Occurrences()
    for version in (None, 0, 1, 2):
        occurrences.next(version, "a")
    assert occurrences.next(0, "a") == 0
