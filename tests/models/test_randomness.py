"""Every stage has a generator of its own, and the global ones are left alone."""

import random

import numpy as np
import torch

from aesbench.models.randomness import global_generators, stage_generator, stage_seed


def test_stage_seeds_are_independent_of_one_another():
    """Seeds of different stages or runs differ, and fit a torch generator."""
    seeds = {stage_seed(seed, stage) for seed in range(50) for stage in ("prepare", "retrain")}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_stages_generator_is_its_seeds():
    """Equal seeds and stages give equal numbers, others do not."""
    draws = [
        torch.rand(3, generator=stage_generator(seed, stage)).tolist()
        for seed, stage in ((0, "search"), (0, "search"), (0, "retrain"), (1, "search"))
    ]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 3


def test_the_global_generators_are_seeded_inside_and_restored_after():
    """The block draws the same numbers each time; what follows is as if it had drawn none."""

    def draw():
        return random.random(), np.random.random(), torch.rand(()).item()

    with global_generators(0):  # Whatever state the tests before this one left.
        before = draw()
        inside = []
        for _ in range(2):
            with global_generators(7):
                inside.append(draw())
        after = draw()
    with global_generators(0):
        assert (draw(), draw()) == (before, after)
    assert inside[0] == inside[1] != before
