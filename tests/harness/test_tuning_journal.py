"""The journal of a tuning outlives whoever writes it, wherever he is stopped."""

import errno
import json

import pytest

from aesbench.core.metrics import Metrics
from aesbench.core.search_space import Range
from aesbench.errors import ConfigError, RecordError
from aesbench.harness.tuning.journal import Journal
from aesbench.harness.tuning.locks import Presence
from aesbench.harness.tuning.study import Budget, TrialStudy

SPACE = {"dim": (2, 4, 8, 16), "rate": Range(0.0, 1.0)}
FIRST = {"dim": 8, "rate": 0.5}
BUDGET = Budget(trials=4)


def open_study(folder, presence, name="ues", space=SPACE, first=FIRST):
    return TrialStudy(folder, name, space, first, BUDGET, 0, presence)


def finish(study, claim):
    """End a trial as a formula says; the settings with ``dim`` 2 fail."""
    settings = claim.settings
    good = settings["dim"] != 2
    found = Metrics(auc=0.5 + settings["rate"] / settings["dim"], logloss=0.6)
    study.finish(
        claim,
        validation=found if good else None,
        error=None if good else "ValueError in search: no",
        seconds=1.0,
        cpu_seconds=2.0,
    )


def work(folder):
    """Run a study to its end; return it and the settings of the trials that were made for it."""
    folder.mkdir(exist_ok=True)
    presence, made = Presence(folder / "processes"), []
    study = open_study(folder, presence)
    while (claim := study.claim()) is not None:
        made.append(claim.settings)
        finish(study, claim)
    presence.leave()
    return study, made


@pytest.fixture
def presence(tmp_path):
    """A process that takes part, until the test ends."""
    mine = Presence(tmp_path / "processes")
    yield mine
    mine.leave()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed study of four trials and its journal."""
    folder = tmp_path_factory.mktemp("whole")
    study, made = work(folder)
    return study, made, (folder / "journal.log").read_bytes()


def check_goes_on(whole, folder, start):
    """A study that goes on with these bytes ends as the whole one, with whole lines."""
    study, made, _ = whole
    folder.mkdir()
    (folder / "journal.log").write_bytes(start)
    again, more = work(folder)
    assert (again.best(), again.spent()) == (study.best(), study.spent())
    assert more == made[len(made) - len(more) :]
    for line in (folder / "journal.log").read_bytes().splitlines():
        json.loads(line)
    return more


def test_a_journal_cut_at_any_byte_of_its_last_line_goes_on(whole, tmp_path):
    """The last line ends the fourth trial, of which all was noted: nothing runs again."""
    text = whole[2]
    begin = text[:-1].rfind(b"\n") + 1
    for end in range(begin, len(text) + 1):
        assert check_goes_on(whole, tmp_path / str(end), text[:end]) == []


def test_a_journal_cut_in_any_line_loses_the_trial_in_progress_at_most(whole, tmp_path):
    """Behind each line, one byte before its end, in its middle, after its first byte."""
    _, made, text = whole
    begin = ended = 0
    for number, line in enumerate(text.splitlines(keepends=True)):
        for length in (1, len(line) // 2, len(line) - 1, len(line)):
            folder = tmp_path / f"{number}-{length}"
            more = check_goes_on(whole, folder, text[: begin + length])
            assert len(more) == len(made) - ended - (length == len(line) and b'"seconds"' in line)
        begin += len(line)
        ended += b'"seconds"' in line


@pytest.mark.parametrize(
    "garbage", [b"\n", b"\0" * 40, b"\0" * 40 + b"\n", b'{"op_code":5,"wor', b"3\n", b"\xff\xfe\n"]
)
def test_a_last_line_that_is_none_is_cut_off(whole, tmp_path, garbage):
    """Whatever a disk leaves there; the lines before it are as they were."""
    folder = tmp_path / "cut"
    check_goes_on(whole, folder, whole[2] + garbage)
    kept = (folder / "journal.log").read_bytes()
    assert kept.startswith(whole[2]) and garbage not in kept[len(whole[2]) :].strip(b"\n") + b" "


def test_a_process_that_lives_goes_on_after_another_died_in_mid_line(tmp_path, presence):
    """It reads past the half line and writes where that began."""
    study = open_study(tmp_path, presence)
    claim = study.claim()
    other = Presence(tmp_path / "processes")
    open_study(tmp_path, other).claim()
    other.leave()
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"dead')
    finish(study, claim)
    assert study.spent().trials == 1
    second = study.claim()
    assert second is not None and second.settings != claim.settings
    for line in (tmp_path / "journal.log").read_bytes().splitlines():
        json.loads(line)


@pytest.mark.parametrize("line", [b"half a li\n", b"{}\n", b"[]\n", b"\xff\n", b"\n"])
def test_a_damaged_line_in_the_middle_is_named(whole, tmp_path, presence, line):
    """With its file, its number, and what keeps the trials before it; the file stays as it is."""
    lines = whole[2].splitlines(keepends=True)
    path = tmp_path / "journal.log"
    damaged = b"".join([*lines[:3], line, *lines[4:]])
    path.write_bytes(damaged)
    with pytest.raises(RecordError) as caught:
        open_study(tmp_path, presence)
    assert str(path) in str(caught.value) and "line 4 is no entry" in str(caught.value)
    assert "head -n 3" in str(caught.value) and path.read_bytes() == damaged
    path.write_bytes(b"".join(damaged.splitlines(keepends=True)[:3]))  # As the message says.
    open_study(tmp_path, presence)


def test_entries_that_do_not_belong_together_are_no_journal(tmp_path, presence):
    """Lines that are entries each, of which the whole makes no sense."""
    (tmp_path / "journal.log").write_text('{"op_code":4,"worker_id":"a"}\n')
    with pytest.raises(RecordError, match="no journal of Optuna's.*move the file away"):
        open_study(tmp_path, presence)


def test_a_disk_that_is_full_is_an_error_and_costs_the_trial_alone(tmp_path, presence, monkeypatch):
    """Half of a line lands on the disk; the next call cuts it off and gives the trial out again."""
    study = open_study(tmp_path, presence)
    finish(study, study.claim())

    def full(descriptor):
        with (tmp_path / "journal.log").open("r+b") as file:
            file.truncate(len(file.read()) - 20)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("aesbench.harness.tuning.journal.os.fsync", full)
        with pytest.raises(RecordError, match="No space left on device; free space"):
            study.claim()
    _, more = work(tmp_path)
    assert len(more) == BUDGET.trials - 1


def test_a_journal_that_cannot_be_written_is_an_error(tmp_path, presence):
    """A folder in its place, for one."""
    (tmp_path / "journal.log").mkdir()
    with pytest.raises(RecordError, match="cannot write .*journal.log: Is a directory"):
        Journal(tmp_path / "journal.log").mend()
    with pytest.raises(RecordError, match="cannot write"):
        open_study(tmp_path / "missing", presence)
    (tmp_path / "locked" / "tuning.lock").mkdir(parents=True)
    with pytest.raises(RecordError, match="cannot write into .*locked"):
        open_study(tmp_path / "locked", presence)


def test_a_process_does_not_wait_for_the_lock_that_a_dead_one_left(tmp_path):
    """Optuna's own lock, which lies beside the journal after a kill, is not asked for."""
    (tmp_path / "journal.log.lock").symlink_to(tmp_path / "journal.log")
    _, made = work(tmp_path)
    assert len(made) == BUDGET.trials


def test_repeats_in_a_journal_of_before_do_not_count(tmp_path, presence):
    """Older versions ended trials of tried settings without running them."""
    study = open_study(tmp_path, presence)
    claim = study.claim()
    finish(study, claim)
    path = tmp_path / "journal.log"
    old = path.read_text()
    noted = '"user_attr":{"cpu_seconds":2.0}'
    assert noted in old
    path.write_text(old.replace(noted, '"user_attr":{"repeats":0}'))
    assert open_study(tmp_path, presence).spent().trials == 0


def test_a_default_outside_its_space_is_an_error(tmp_path, presence):
    """Tuning could not begin with it."""
    with pytest.raises(ConfigError, match=r"rate = 2.0 of ues is not in Range"):
        open_study(tmp_path, presence, first={"dim": 8, "rate": 2.0})
