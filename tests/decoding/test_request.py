"""A request takes tokens until it is complete."""

import torch

from gd2po.decoding.request import GenerationRequest, StopReason
from gd2po.decoding.sampling import Sampling


def test_a_request_is_complete_at_its_length():
    request = GenerationRequest((1,), Sampling(), frozenset(), torch.zeros(2))
    request.append(3, -0.5)
    assert request.stop is None
    request.append(4, -0.5)
    assert request.stop is StopReason.COMPLETED
