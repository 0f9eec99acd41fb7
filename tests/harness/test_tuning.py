"""Tuning: equal budgets, studies that go on, winners that runs use, and no look at the test split.

Most tests replace the workers by a formula and the clock by a counter.
"""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from aesbench.core.record import RunRecord, read_records
from aesbench.core.search_space import Range
from aesbench.core.spec import TRAIN_SPACE, TrainConfig
from aesbench.errors import ConfigError
from aesbench.harness.executors.jobs import Finished, Progressed
from aesbench.harness.grid import plan
from aesbench.harness.runner import run
from aesbench.harness.tuning import tune as module
from aesbench.harness.tuning.choices import contenders
from aesbench.harness.tuning.locks import Presence
from aesbench.harness.tuning.shared import shared_space
from aesbench.harness.tuning.study import Budget
from aesbench.harness.tuning.tune import tune
from aesbench.harness.tuning.winners import Winners
from aesbench.plugins.registry import BACKBONES

TRIAL_S = 10


class Workers:
    """Stand in for worker processes: a trial takes ten seconds and tells of its half time.

    ``auc`` gives the validation AUC of a spec, None a failed run; ``stop_in`` is the trial, counted
    from 1, in which Ctrl-C is pressed.
    """

    def __init__(self, auc, stop_in=None):
        self.auc, self.stop_in = auc, stop_in
        self.now, self.configs, self.specs = 0, [], []

    def perf_counter(self):
        return self.now

    def __call__(self, jobs, workers, settings):
        for job in jobs:
            assert not job.test
            (spec,) = job.specs
            self.configs.append((spec.method, dict(spec.method_config)))
            self.specs.append(spec)
            yield Progressed(spec, "prepare", 0, 1)
            if len(self.configs) == self.stop_in:
                raise KeyboardInterrupt
            self.now += TRIAL_S / 2
            yield Progressed(spec, "epoch", 1, 2)
            self.now += TRIAL_S / 2
            auc = self.auc(spec)
            error = {"type": "ValueError", "message": "no", "phase": "search", "traceback": ""}
            yield Finished(
                RunRecord(
                    spec=spec,
                    status="failed" if auc is None else "ok",
                    error=error if auc is None else None,
                    metrics={} if auc is None else {"validation": {"auc": auc, "logloss": 0.6}},
                    cpu_seconds={"search": 3.0, "retrain": 4.0},
                ),
                wall_s=99.0,
            )


@pytest.fixture
def tuned(planted_tiny, tmp_path, monkeypatch):
    """Tune with stand-in workers; return the winners and the workers."""

    def call(methods, auc=lambda spec: 0.7, folder="tuning", stop_in=None, seconds=None, **options):
        workers = Workers(auc, stop_in)
        monkeypatch.setattr(module, "run_jobs", workers)
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=workers.perf_counter))
        budget = Budget(options.pop("trials", 5), seconds)
        try:
            return tune(planted_tiny, methods, tmp_path / folder, budget=budget, **options), workers
        except KeyboardInterrupt:
            return None, workers

    return call


def test_every_method_gets_the_same_trials_and_starts_with_its_defaults(tuned):
    """UES, one contender with its size to tune, among them; what was spent is told."""
    winners, workers = tuned(["ues", "adass", "sseds"])
    assert [w.label for w in winners.winners] == ["ues", "adass:r", "adass:e", "sseds"]
    assert [w.spent.trials for w in winners.winners] == [5] * 4
    firsts = [next(c for m, c in workers.configs if m == name) for name in ("ues", "sseds")]
    assert firsts[0] == {"dim": 32} and firsts[1]["keep"] == 0.70
    for winner in winners.winners:
        assert winner.spent.seconds == 5 * TRIAL_S and winner.spent.cpu_seconds == 5 * 7
        assert winner.spent.failed == 0


def test_the_best_validation_auc_wins(tuned):
    """Of the sizes that were tried, the one nearest to 16; the first one if there are two."""
    winners, workers = tuned(
        ["ues"], lambda spec: 1 / abs(spec.method_config["dim"] - 15), trials=8
    )
    (winner,) = winners.winners
    tried = [config["dim"] for _, config in workers.configs]
    assert winner.settings["dim"] == min(tried, key=lambda dim: abs(dim - 15))
    assert winner.config == winner.settings


def test_a_space_smaller_than_the_trials_is_tried_to_its_end(tuned):
    """Eight sizes in thirty trials: each runs once, and there is no ninth trial to count."""
    told = []
    winners, workers = tuned(["ues"], trials=30, listen=told.append)
    spent = winners.winners[0].spent
    sizes = [config["dim"] for _, config in workers.configs]
    assert sizes[0] == 32 and sorted(sizes) == [2, 4, 8, 16, 24, 32, 48, 64]
    assert (spent.trials, spent.seconds, spent.exhausted) == (8, 8 * TRIAL_S, True)
    assert [(event.spent.trials, event.trials) for event in told] == [(n, 8) for n in range(1, 9)]
    fewer, some = tuned(["ues"], trials=7, folder="fewer")
    assert len(some.configs) == 7 and not fewer.winners[0].spent.exhausted
    assert some.configs == workers.configs[:7]


def test_settings_that_failed_are_tried(tuned):
    """Nothing is to be gained by running them again."""
    winners, workers = tuned(["ues"], lambda s: None if s.method_config["dim"] > 9 else 0.6)
    more, later = tuned(["ues"], lambda s: None if s.method_config["dim"] > 9 else 0.6, trials=30)
    assert len(workers.configs + later.configs) == 8
    assert (more.winners[0].spent.failed, more.winners[0].spent.exhausted) == (5, True)


def test_seconds_end_a_method_in_mid_trial(tuned):
    """35 seconds are three trials of ten and half of a fourth, for each method."""
    winners, workers = tuned(["sseds", "mde:value"], trials=100, seconds=35)
    for winner in winners.winners:
        assert (winner.spent.trials, winner.spent.failed, winner.spent.seconds) == (4, 1, 35)
    again, more = tuned(["sseds", "mde:value"], trials=100, seconds=35)
    assert again == winners and not more.configs
    _, ues = tuned(["ues"], trials=2, seconds=5)
    _, later = tuned(["ues"], trials=2, seconds=100)
    assert ues.configs == [("ues", {"dim": 32})]  # Stopped, so that its result is unknown:
    assert later.configs == ues.configs  # the trial counts, and the next one asks for it again.
    told = []
    _, rest = tuned(["ues"], trials=30, listen=told.append)
    assert len(rest.configs) == 7 and told[-1].spent.exhausted  # Nine trials of eight settings.
    assert (told[-1].spent.trials, told[-1].trials) == (9, 9)


@pytest.mark.parametrize("stop_in", [1, 4])
def test_an_interrupted_tuning_ends_as_an_undisturbed_one(tuned, stop_in):
    """The trial in progress is made again with the same settings; finished ones are kept."""

    def auc(spec):
        return spec.method_config["alpha"] / 2

    whole, workers = tuned(["mde:value"], auc, "whole", trials=13)
    _, first = tuned(["mde:value"], auc, "broken", stop_in, trials=13)
    again, second = tuned(["mde:value"], auc, "broken", trials=13)
    assert first.configs[:-1] + second.configs == workers.configs
    assert again == whole
    assert tuned(["mde:value"], auc, "broken", trials=13)[1].configs == []


def test_more_trials_go_on_where_fewer_ended(tuned):
    """Three trials and then six are the six of one go."""
    _, whole = tuned(["mde:value"], folder="whole", trials=6)
    _, first = tuned(["mde:value"], trials=3)
    _, second = tuned(["mde:value"], trials=6)
    assert first.configs + second.configs == whole.configs


def test_other_given_settings_are_another_study(tuned):
    """Trials under another protocol, seed or parameter budget are not taken for these."""
    tuned(["mde:value"], trials=1)
    for options in ({"seed": 1}, {"parameter_budget": 0.5}, {"settings": {"train": {"l2": "0"}}}):
        assert len(tuned(["mde:value"], trials=1, **options)[1].configs) == 1


def test_failed_trials_count_and_never_win(tuned):
    """A method of which every trial fails has no winner; the others have."""
    winners, _ = tuned(["mde:value", "ues"], lambda s: None if s.method == "mde" else 0.6, trials=2)
    assert [winner.label for winner in winners.winners] == ["ues"]
    half, _ = tuned(["sseds"], lambda s: None if s.method_config["keep"] == 0.7 else 0.6)
    assert half.winners[0].spent.failed == 1 and half.winners[0].spent.trials == 5
    assert half.winners[0].settings["keep"] != 0.7


@pytest.mark.parametrize(
    ("methods", "options", "words"),
    [
        (["uess"], {}, "did you mean 'ues'?"),
        (["random"], {}, "'random' has nothing to tune: it declares no space"),
        (
            ["ues:32"],
            {},
            "'ues:32' has nothing to tune: dim are given; leave it out, or name 'ues' alone, or"
            " tune what all methods share: --tune train.l2",
        ),
        (["ues"], {"backbones": ["deepfn"]}, "did you mean 'deepfm'?"),
        (["ues"], {"settings": {"mde": {"alpha": "1"}}}, "--set names 'mde'"),
        (["ues"], {"trials": 0}, "trials = 0"),
        (["ues"], {"seconds": -1.0}, "seconds = -1.0"),
        (["ues"], {"seconds": float("nan")}, "seconds = nan"),
        (["ues"], {"seconds": float("inf")}, "seconds = inf"),
        (["ues"], {"seed": -1}, "seed = -1"),
        ([], {}, "methods = ''"),
        (["ues"], {"shared": ["train.l3"]}, "--tune train.l3: no such setting on 'widedeep'; did"),
        (["ues"], {"shared": ["train.epochs"]}, "train.l2, train.learning_rate, train.table_std,"),
        (["ues"], {"shared": ["widedeep.dropout"]}, "did you mean 'backbone.dropout'?"),
        (
            ["ues"],
            {"shared": ["train.l2"], "settings": {"train": {"l2": "0"}}},
            "--set train.l2 gives what --tune shall choose",
        ),
        (
            ["ues"],
            {"shared": ["backbone.dropout"], "settings": {"widedeep": {"dropout": "0.1"}}},
            "--set widedeep.dropout gives what --tune shall choose",
        ),
        (["ues"], {"workers": 0}, "jobs = 0"),
        (["fixed:2-8"], {}, "nothing to tune"),
    ],
)
def test_a_wrong_name_is_an_error_before_the_first_trial(tuned, methods, options, words):
    """Unknown names suggest the nearest one; a method without settings to tune is named."""
    with pytest.raises(ConfigError) as caught:
        tuned(methods, **options)
    assert words in str(caught.value)


def test_what_is_given_is_not_tuned():
    """A named preset and --set keep their settings; a bare name's presets do so if they differ."""
    given = {"mde": {"alpha": "0.2"}}
    spaces = {t.choice.label: set(t.space) for t in contenders(["mde", "adass:literal-r"], given)}
    assert spaces == {
        "mde:value[alpha=0.2]": {"base_dim"},
        "mde:field[alpha=0.2]": {"base_dim"},
        "adass:literal-r": {"lambda_fs", "learning_rate"},
    }


class Untouchable:
    """A split that nobody may look at."""

    def __getattribute__(self, name):
        raise AssertionError(f"the test split was asked for its {name}")


def test_a_trial_never_looks_at_the_test_split(planted_tiny):
    """A run without a test touches neither the split nor its true probabilities."""
    blind = dataclasses.replace(planted_tiny, test=Untouchable(), probabilities=Untouchable())
    (spec,) = plan(planted_tiny, ["ues:2"], seeds=[0], settings={"train": {"epochs": "1"}})
    trial, whole = run(spec, blind, test=False), run(spec, planted_tiny)
    assert trial.ok and trial.metrics == {"validation": whole.metrics["validation"]}
    assert not run(spec, blind).ok


def test_runs_use_the_winners(tuned, planted_tiny, tmp_path):
    """The label says so; a method that was not tuned, and a preset that was named, stay."""
    winners, _ = tuned(["ues", "mde:value"], lambda s: s.method_config.get("dim", 30) / 100)
    path = tmp_path / "winners.json"
    winners.write(path)
    read = Winners.read(path)
    assert read == winners
    read.check_fits(planted_tiny, None)
    best = {winner.label: winner for winner in read.winners}
    specs = plan(planted_tiny, ["ues", "ues:32", "mde"], seeds=[0], choose=read.choose)
    assert [(s.label, dict(s.method_config)) for s in specs[:2]] == [
        ("ues+tuned", {"dim": best["ues"].settings["dim"]}),
        ("ues:32", {"dim": 32}),
    ]
    assert [s.label for s in specs[2:]] == ["mde:value+tuned", "mde:field"]
    assert dict(specs[2].method_config) == best["mde:value"].config
    (plain,) = plan(planted_tiny, ["mde:field"], seeds=[0])
    assert plain.run_id == specs[3].run_id


def of_l2(spec):
    """A score that is best at an l2 of 1e-4."""
    return 0.9 - abs(spec.train.l2 - 1e-4)


def test_the_protocol_is_tuned_for_every_method_alike(tuned):
    """Also for one without settings of its own; every method begins with the default."""
    winners, workers = tuned(
        ["ues:32", "mde:value"], of_l2, shared=["train.l2", "backbone.dropout"], trials=60
    )
    ues, mde = winners.winners
    assert (
        ues.settings == {}
        and ues.config == {"dim": 32}
        and mde.settings.keys()
        == {
            "alpha",
            "base_dim",
        }
    )
    for winner in winners.winners:
        assert winner.shared.keys() == {"train.l2", "backbone.dropout"}
        assert winner.shared["train.l2"] == 1e-4
    assert ues.spent.trials == 7 * 6 and ues.spent.exhausted and mde.spent.trials == 60
    firsts = workers.specs[0], workers.specs[42]
    assert [s.tuned_settings for s in firsts] == [{"backbone.dropout": 0.0, "train.l2": 1e-6}] * 2


def test_runs_use_what_was_tuned_of_the_protocol(tuned, planted_tiny, tmp_path):
    """In search and retraining, on the backbone that it was tuned on; others keep the default."""
    winners, _ = tuned(
        ["ues:32"], of_l2, shared=["train.l2", "backbone.dropout"], trials=60,
        settings={"train": {"epochs": "3"}},
    )  # fmt: skip
    path = tmp_path / "winners.json"
    winners.write(path)
    read = Winners.read(path)
    assert read == winners
    given = {"train": {"epochs": "3"}}
    tuned_run, other = plan(
        planted_tiny, ["ues:32", "ues:8"], seeds=[0], settings=given, choose=read.choose
    )
    dropout = winners.winners[0].shared["backbone.dropout"]
    assert tuned_run.label == "ues:32+tuned" and tuned_run.tuned == ("backbone.dropout", "train.l2")
    assert (tuned_run.train.l2, tuned_run.train.epochs) == (1e-4, 3)
    assert tuned_run.backbone_config["dropout"] == dropout
    assert (other.label, other.tuned, other.train.l2) == ("ues:8", (), 1e-6)
    assert other.conditions == tuned_run.conditions
    for owner, setting in (("train", "l2"), ("widedeep", "dropout")):
        with pytest.raises(ConfigError, match=f"--set {owner}.{setting} gives what was tuned"):
            plan(planted_tiny, ["ues:32"], settings={owner: {setting: "0"}}, choose=read.choose)


def test_what_is_tuned_of_the_protocol_makes_another_study(tuned):
    """Trials that held it fixed are not taken for trials that tune it."""
    tuned(["mde:value"], trials=1)
    for shared in (["train.l2"], ["train.learning_rate"], ["train.learning_rate", "train.l2"]):
        assert len(tuned(["mde:value"], trials=1, shared=shared)[1].configs) == 1
    assert not tuned(["mde:value"], trials=1, shared=["train.l2", "train.learning_rate"])[1].configs


@pytest.mark.parametrize("backbone", [BACKBONES.get(name) for name in BACKBONES.names()])
def test_what_can_be_tuned_of_the_protocol_holds_its_default_and_valid_ends(backbone):
    """For ``train`` and for every backbone; a space of a backbone names later settings only."""
    for config, space in ((TrainConfig, TRAIN_SPACE), (backbone.Config, backbone.space)):
        for name, values in space.items():
            assert getattr(config(), name) in values
            ends = (values.low, values.high) if isinstance(values, Range) else values
            for value in ends:
                assert getattr(config(**{name: value}), name) == value
    shared_space([f"backbone.{name}" for name in backbone.space], backbone.name, {})


def test_the_docs_list_what_can_be_tuned_of_the_protocol():
    """With the default and with every value that is tried, or both ends."""
    text = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text()
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    space = shared_space(rows, "widedeep", {})
    assert len(space) == len(TRAIN_SPACE) + len(BACKBONES.get("widedeep").space) == len(rows)
    for name, values in space.items():
        _, _, default, tried, _ = rows[name].split("|")
        owner, setting = name.split(".")
        config = TrainConfig() if owner == "train" else BACKBONES.get("widedeep").Config()
        assert float(default) == getattr(config, setting)
        numbers = [float(word) for word in re.findall(r"[0-9][0-9.e-]*", tried)]
        assert numbers == ([values.low, values.high] if isinstance(values, Range) else list(values))
        assert ("logarithmic" in tried) == (isinstance(values, Range) and values.log)


def test_a_backbone_tunes_later_settings_only(monkeypatch):
    """The default of another one is in every record, and no record without it would compare."""
    monkeypatch.setattr(BACKBONES.get("widedeep"), "space", {"hidden": ((8,), (128, 64))})
    with pytest.raises(ConfigError, match="'widedeep' lets 'hidden' be tuned.*later"):
        shared_space(["backbone.hidden"], "widedeep", {})


def lucky(spec):
    """Size 64 is best on the seed of the trials and nowhere else, where 16 is; 2 fails there."""
    dim = spec.method_config["dim"]
    if spec.seed == 20:
        return {64: 0.9, 2: 0.85, 16: 0.8}.get(dim, 0.7)
    return None if dim == 2 and spec.seed == 22 else {64: 0.6, 2: 0.99, 16: 0.8}.get(dim, 0.7)


FINALISTS = {"seed": 20, "finalists": 3, "finalist_seeds": (21, 22)}


def test_finalists_are_judged_on_seeds_that_did_not_choose_them(tuned, tmp_path):
    """The best three and the defaults run again; a failed run is no way to win."""
    winners, workers = tuned(["ues"], lucky, trials=8, **FINALISTS)
    (winner,) = winners.winners
    dims = [(finalist.settings["dim"], finalist.trial.auc) for finalist in winner.finalists]
    assert dims == [(64, 0.9), (2, 0.85), (16, 0.8), (32, 0.7)]
    again = [(spec.method_config["dim"], spec.seed) for spec in workers.specs[8:]]
    assert sorted(again) == sorted((dim, seed) for dim, _ in dims for seed in (21, 22))
    assert winner.finalists[1].aucs == {"21": 0.99}
    assert winner.finalists[2].aucs == {"21": 0.8, "22": 0.8} and winner.settings == {"dim": 16}
    assert winner.validation.auc == 0.8
    assert (winner.spent.trials, winner.spent.failed) == (8, 1)
    assert winner.spent.seconds == (8 + 8) * TRIAL_S
    winners.write(tmp_path / "winners.json")
    assert Winners.read(tmp_path / "winners.json") == winners


@pytest.mark.parametrize("stop_in", [3, 9, 12])
def test_interrupted_finals_end_as_undisturbed_ones(tuned, stop_in):
    """The same call goes on with trials and finalists alike."""
    undisturbed, _ = tuned(["ues"], lucky, trials=8, folder="whole", **FINALISTS)
    assert tuned(["ues"], lucky, trials=8, stop_in=stop_in, **FINALISTS)[0] is None
    resumed, workers = tuned(["ues"], lucky, trials=8, **FINALISTS)
    assert resumed == undisturbed and len(workers.specs) == 16 - (stop_in - 1)


def test_a_method_all_of_whose_trials_failed_has_no_finalists(tuned):
    """Nor a winner."""
    winners, workers = tuned(["ues"], lambda spec: None, trials=4, **FINALISTS)
    assert winners.winners == () and len(workers.specs) == 4


@pytest.mark.parametrize(
    "options, words",
    [
        ({"finalists": -1}, "finalists = -1: expected an int"),
        ({"finalists": 3}, "both or none"),
        ({"finalist_seeds": (1,)}, "both or none"),
        ({"finalists": 3, "finalist_seeds": (1, 1)}, "each seed once"),
        ({"finalists": 3, "finalist_seeds": (0, 1)}, "others than 0, that of the trials"),
    ],
)
def test_wrong_finalists_are_an_error_before_the_first_trial(tuned, options, words):
    """It names what was given."""
    with pytest.raises(ConfigError, match=words):
        tuned(["ues"], **options)


def test_winners_of_an_older_version_are_read(tuned, tmp_path):
    """It counted trials that repeated others, tuned nothing of the protocol, had no finalists."""
    winners, _ = tuned(["ues"], trials=3)
    path = tmp_path / "winners.json"
    winners.write(path)
    data = json.loads(path.read_text())
    data["schema"] = 1
    del data["finalist_seeds"]
    for winner in data["winners"]:
        del winner["shared"], winner["spent"]["exhausted"], winner["finalists"]
        winner["spent"].update(trials=5, repeated=2)
    path.write_text(json.dumps(data))
    assert Winners.read(path) == winners
    path.write_text(json.dumps({**data, "schema": 4}))
    with pytest.raises(ConfigError, match="schema 4, this version of aesbench reads 1 to 3"):
        Winners.read(path)


def test_winners_are_for_their_data_budget_and_backbones(tuned, planted_tiny, tmp_path):
    """Elsewhere they are refused, with the command that gives others."""
    winners, _ = tuned(["ues"], trials=1)
    with pytest.raises(ConfigError, match="tuned on 'planted-tiny' with data"):
        winners.check_fits(dataclasses.replace(planted_tiny, hash="0" * 64), None)
    with pytest.raises(ConfigError, match="for --budget None, this run has 0.5"):
        winners.check_fits(planted_tiny, 0.5)
    with pytest.raises(ConfigError, match="tuned on widedeep, not on 'deepfm'"):
        plan(planted_tiny, ["ues"], backbones=["deepfm"], seeds=[0], choose=winners.choose)
    winners.write(tmp_path / "winners.json")
    text = (tmp_path / "winners.json").read_text()
    (tmp_path / "winners.json").write_text(text.replace('"auc": 0.7', '"auc": NaN'))
    with pytest.raises(ConfigError, match="no file of winners .it holds NaN"):
        type(winners).read(tmp_path / "winners.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigError, match="no file of winners"):
        Winners.read(tmp_path / "other.json")


def test_a_process_is_present_until_it_ends(tmp_path):
    """By a lock of the system's, which a process that is killed holds no longer."""
    code = (
        "import sys, time; from pathlib import Path;"
        "from aesbench.harness.tuning.locks import Presence;"
        "p = Presence(Path(sys.argv[1])); print(p.name, flush=True); time.sleep(600)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    name = other.stdout.readline().strip()
    mine = Presence(tmp_path)
    assert mine.lives(name) and mine.lives(mine.name) and not mine.lives("nobody")
    other.kill()
    other.communicate()
    assert not mine.lives(name)
    mine.leave()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong", [lambda: Range(2, 1), lambda: Range(0.0, 1.0, log=True)], ids=["order", "log"]
)
def test_a_range_that_is_none_is_an_error(wrong):
    """From low to high, above 0 where ratios count."""
    with pytest.raises(ConfigError, match="above"):
        wrong()


def test_a_range_knows_its_numbers():
    """Both ends are in it; two ints hold whole numbers."""
    assert 1 in Range(1, 4) and 4 in Range(1, 4) and 5 not in Range(1, 4)
    assert Range(1, 4).whole and not Range(1.0, 4.0).whole


@pytest.mark.slow
def test_two_processes_share_a_study_and_a_run_uses_its_winner(tmp_path, planted_tiny):
    """Together they make six trials, none twice, on data whose test labels nobody could score."""
    cache = tmp_path / "cache" / "processed"
    shutil.copytree(planted_tiny.folder, cache / planted_tiny.folder.name)
    labels = cache / planted_tiny.folder.name / "test.labels.npy"
    intact = labels.read_bytes()
    np.save(labels, np.zeros_like(planted_tiny.test.labels))
    common = ("--dataset", "planted-tiny", "--set", "train.epochs=1", "--results", tmp_path / "r",
              "--cache-dir", tmp_path / "cache", "--threads", "1")  # fmt: skip
    tuning = ("tune", "--methods", "mde:value", "--trials", "6", *common)

    def start(*arguments):
        line = [sys.executable, "-m", "aesbench", *map(str, arguments)]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    both = [start(*tuning), start(*tuning)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    path = tmp_path / "r" / "tuning" / "winners.json"
    ended = [out.count("validation AUC 0.") for out, _ in outputs]
    assert sum(ended) == 6
    again = start(*tuning)
    assert "validation AUC 0." not in again.communicate(timeout=300)[0]
    (winner,) = Winners.read(path).winners
    assert (winner.spent.trials, winner.spent.failed) == (6, 0)
    labels.write_bytes(intact)
    process = start(
        "run", "--methods", "mde:value,random", "--seeds", "1", "--tuned", path, *common
    )
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "note: random is not in" in out
    records = {record.spec.label: record for record in read_records(tmp_path / "r")}
    assert dict(records["mde:value+tuned"].spec.method_config) == winner.config
