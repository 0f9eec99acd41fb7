"""The devices of one machine, and which worker has which."""

from __future__ import annotations

import torch


class Places:
    """Deals devices out to workers, each to as many as any other, give or take one."""

    def __init__(self, device: str) -> None:
        """Deal out every GPU that torch sees, for ``cuda``, or else the device that is named."""
        names = [device]
        if device == "cuda" and (gpus := torch.cuda.device_count()) > 1:
            names = [f"cuda:{number}" for number in range(gpus)]
        self._workers = dict.fromkeys(names, 0)

    def take(self) -> str:
        """Return the device for one more worker: the first of those that have the fewest."""
        device = min(self._workers, key=self._workers.__getitem__)
        self._workers[device] += 1
        return device

    def give_back(self, device: str) -> None:
        """Let the place of a worker that has ended be taken by the next."""
        self._workers[device] -= 1


def make_current(device: str) -> None:
    """Let this process use a GPU that has a number also where only ``cuda`` is said.

    Nothing then touches the first GPU, on which every process would hold a context.
    """
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)
