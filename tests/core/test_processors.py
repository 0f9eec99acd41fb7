"""Processors: those the system allows, and what a container's quota leaves of them."""

import os

import pytest

from aesbench.core.processors import available_cpus

MICROSECONDS = 100_000


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    """A machine of eight processors, on every Python."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)


@pytest.fixture
def tree(tmp_path):
    """Return the function that writes ``{path under sys/fs/cgroup: text}`` and the own groups."""

    def write(groups, files):
        for path, text in {
            "proc/self/cgroup": groups,
            **{f"sys/fs/cgroup/{path}": text for path, text in files.items()},
        }.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"{text}\n")
        return tmp_path

    return write


def v1(folder, quota, period=MICROSECONDS):
    """The files of a group of version 1."""
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}",
        f"{folder}/cpu.cfs_period_us": f"{period}",
    }


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max", 8), ("200000", 2), ("250000", 3), ("1000", 1), ("1600000", 8), ("0", 8)],
)
def test_a_quota_leaves_so_many_processors_rounded_up(tree, quota, expected):
    """In both versions of control groups; no more than the machine has, and never none."""
    new = tree("0::/", {"cpu.max": f"{quota} {MICROSECONDS}"})
    assert available_cpus(new) == expected
    old = v1("cpu,cpuacct/box", "-1" if quota == "max" else quota)
    assert available_cpus(tree("4:cpu,cpuacct:/box\n0::/", {**old, "cpu.max": "max 100000"})) == (
        expected
    )


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        # The group that holds the own one has less.
        ("0::/a/b", {"a/b/cpu.max": "600000 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b", {"a/b/cpu.max": "200000 100000", "a/cpu.max": "max 100000"}, 2),
        # One that the process is not in.
        ("0::/a/b", {"a/c/cpu.max": "100000 100000"}, 8),
        ("2:cpuacct:/x\n0::/", v1("cpu/x", 100_000), 8),
        # A container's own group lies outermost, and its path holds outside only.
        ("0::/docker/ab12", {"cpu.max": "400000 100000"}, 4),
        ("3:cpu:/docker/ab12", v1("cpu", 50_000, 25_000), 2),
        ("0::/../other", {"cpu.max": "500000 100000", "other/cpu.max": "100000 100000"}, 5),
        # Both versions at once, the second elsewhere.
        ("3:cpu:/\n0::/a", {**v1("cpu", 600_000), "unified/a/cpu.max": "500000 100000"}, 5),
        ("3:cpu,cpuacct:/a", v1("cpu/a", 300_000), 3),
    ],
)
def test_the_least_quota_of_the_own_groups_counts(tree, groups, files, expected):
    """Groups are nested, and a process is in one of each kind."""
    assert available_cpus(tree(groups, files)) == expected


@pytest.mark.parametrize("text", ["", "200000", "many 100000", "200000 0", "-200000 100000"])
def test_what_is_no_quota_limits_nothing(tree, text):
    """Nor does a system without control groups."""
    assert available_cpus(tree("0::/\nnonsense", {"cpu.max": text})) == 8


def test_without_control_groups_there_are_those_of_the_system(tmp_path, monkeypatch):
    """As Python from 3.13 on counts them, those that this process may run on, or all."""
    assert available_cpus(tmp_path) == 8
    monkeypatch.delattr(os, "process_cpu_count")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert available_cpus(tmp_path) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cpus(tmp_path) == 1
