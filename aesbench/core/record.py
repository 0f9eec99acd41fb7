"""A run's record: measurements only, one JSON file per run, never half-written.

What a search traced of its course lies in a file of its own, and so do the masks that it found, so
that records stay small.

Everything comparative (parameter reduction, means, intervals, tests) is derived from records in
``aesbench.report``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aesbench.core.allocation import Allocation
from aesbench.core.files import file_name, from_json, json_files, to_json, write_atomically
from aesbench.core.mask_file import masks_file, read_masks
from aesbench.core.pack import Pack
from aesbench.core.spec import RunSpec
from aesbench.core.trace import Trace
from aesbench.errors import AesbenchError, RecordError, did_you_mean

SCHEMA = 2
"""Of a record's file. 1 had the providers inside ``environment``, and not always titles."""
TRACES_SCHEMA = 1


@dataclass(frozen=True)
class RunRecord:
    """What one run measured.

    Attributes:
        spec: what was run.
        status: ``ok`` or ``failed``.
        error: of a failed run, its ``type``, ``message``, ``phase`` and ``traceback``.
        allocation: the sizes that were found and, unless the spec says otherwise, retrained. Of
            masks a record that was read has the counts; ``with_masks`` reads them.
        prepare_id: names the prepared state that was searched; equal ids shared one.
        takes_budget: whether the method can keep to a budget; None in records older than this.
        scores: {sizes: {auc, logloss}} on validation with inherited weights, of the allocations
            that the spec asks for; sizes as ``sizes_text`` writes them.
        metrics: {validation, test} -> {auc, logloss}; for generated data also
            ``test_expected``, scored against the true probabilities.
        int8: ``auc`` and ``logloss`` on test of the same model with its tables in int8, a scale per
            row, after training, and the ``bytes`` of these tables; empty in records older than it.
        epochs: ``epochs`` and ``best_epoch`` of the retraining, and validation after each of them:
            ``history``, its AUC, and ``logloss``, which records older than it lack.
        parameters: trainable parameters: embedding, transform, wide, dense.
        flops: per predicted sample; a multiply-add counts once.
        seconds: by phase: prepare, search, retrain, evaluate. A shared ``prepare`` counts in full
            in every record that used it. A ``retrain`` in a pack is a share of the pack's, and no
            cost that compares.
        cpu_seconds: processor time by phase, all threads together; empty in records older than it.
        peak_memory_bytes: of the process, or allocated on the GPU; of all models of a pack.
        providers: who provides the ``method``, the ``backbone`` and the ``dataset``: a package with
            its version, or a file with the first digits of its hash; the name of the TOML file for
            data of the user's own. Runs of one method by two providers are never averaged.
        environment: versions, hardware, threads, git commit, time; the pack, if it was in one.
        titles: what tables call its ``method`` (with its preset), ``dataset`` and ``backbone``, and
            the ``family`` of the method; empty in records older than it.
        ties: {history: the field whose table, and so whose size, it shares}; mostly empty.
        traces: {stage: what it traced}; not part of the record's file, read by ``read_traces``.
        datasheet: what its data set is; not part of the file either, read by ``read_datasheet``.
    """

    spec: RunSpec
    status: str
    error: Mapping[str, str] | None = None
    allocation: Allocation | None = None
    prepare_id: str | None = None
    takes_budget: bool | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    int8: Mapping[str, float] = field(default_factory=dict)
    epochs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    flops: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory_bytes: int | None = None
    providers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    ties: Mapping[str, str] = field(default_factory=dict)
    traces: Mapping[str, Trace] = field(default_factory=dict, compare=False, repr=False)
    datasheet: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.status == "ok"

    @property
    def pack(self) -> Pack | None:
        """The pack that it was retrained in; None if alone, as in records older than packs."""
        return Pack.of(self.environment)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del plain["traces"], plain["datasheet"]
        if not self.ties:  # As in the records of data without histories from the first on.
            del plain["ties"]
        plain["spec"] = self.spec.to_dict()
        plain["allocation"] = self.allocation.to_dict() if self.allocation else None
        return {"schema": SCHEMA, "run_id": self.spec.run_id, **plain}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunRecord:
        """Read what ``to_dict`` wrote.

        Raises:
            RecordError: another schema, or a key is missing, unknown or malformed.
        """
        if not isinstance(data, Mapping):
            raise RecordError(f"a record is a JSON object, got a {type(data).__name__}")
        values = upgraded(data)
        del values["schema"]
        run_id = values.pop("run_id", None)
        for name in ("traces", "datasheet"):
            if name in values:
                raise RecordError(f"malformed record: its {name} lies in a file of its own")
        try:
            values["spec"] = RunSpec.from_dict(values["spec"])
            if values.get("allocation") is not None:
                values["allocation"] = Allocation.from_dict(values["allocation"])
            record = cls(**values)
            Pack.of(record.environment)  # Refuses what is none.
        except (AesbenchError, AttributeError, KeyError, TypeError) as error:
            raise RecordError(f"malformed record: {error}") from error
        if record.spec.run_id != run_id:
            raise RecordError(f"run_id {run_id!r} does not match its spec: the file was edited")
        record.check_finite()
        return record

    def check_finite(self) -> None:
        """Check that whatever a comparison reads is a finite number.

        Raises:
            RecordError: a metric or a score is none; a run that has such ones has failed.
        """
        compared = (
            ("metrics", self.metrics),
            ("scores", self.scores),
            ("int8", {"int8": self.int8}),
        )
        for kind, measured in compared:
            try:
                bad = [
                    f"{name} of {where} = {value!r}"
                    for where, values in measured.items()
                    for name, value in values.items()
                    if not isinstance(value, int | float) or not math.isfinite(value)
                ]
            except AttributeError as error:
                raise RecordError(f"malformed record: {kind} = {measured!r}") from error
            if bad:
                raise RecordError(f"malformed record: {kind} that are no numbers: {bad[0]}")


def upgraded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's file as today's schema has it; what was run and measured stays as it is.

    Raises:
        RecordError: a schema that this version of aesbench does not read.
    """
    values = dict(data)
    schema = values.get("schema")
    if schema == 1:
        environment = dict(values.get("environment") or {})
        values["providers"] = environment.pop("providers", {})
        values |= {"schema": 2, "environment": environment, "titles": values.get("titles") or {}}
    elif schema != SCHEMA:
        raise RecordError(f"schema {schema!r}, this version of aesbench reads 1 to {SCHEMA}")
    return values


def upgrade_record(path: Path) -> bool:
    """Write a record's file in today's schema, and say whether it was in an older one.

    Raises:
        RecordError: it is no record, or cannot be written; it stays as it is.
    """
    record = read_record(path)
    if from_json(path.read_text(encoding="utf-8"))["schema"] == SCHEMA:
        return False
    write_atomically(path, to_json(record.to_dict()) + "\n")
    return True


def provider_id(provider: str | None) -> str:
    """Return what two providers must share for their plugins to be one.

    Empty for aesbench, whose code the protocol's version stands for; of a file its hash, whatever
    it is called; else the package with its version.
    """
    name = provider or ""
    if name.startswith("aesbench "):
        return ""
    return name[name.index("sha256:") :] if "sha256:" in name else name


def record_path(results: Path, spec: RunSpec) -> Path:
    """Return where a run's record lies: ``records/<dataset>/<backbone>/<label>/<run_id>.json``."""
    return results / "records" / _place(spec)


def trace_path(results: Path, spec: RunSpec) -> Path:
    """Return where a run's traces lie: under ``traces/`` as the record does under ``records/``."""
    return results / "traces" / _place(spec)


def mask_path(results: Path, spec: RunSpec) -> Path:
    """Return where a run's masks lie: under ``masks/`` as the record does under ``records/``."""
    return (results / "masks" / _place(spec)).with_suffix(".npz")


def record_files(results: Path, dataset: str | None = None) -> list[Path]:
    """Return the files of all records under a results folder, in the order of their paths.

    Linked folders count, ``records`` itself and those in it, as they do for whoever looks one
    record up; a file that several paths lead to counts once.

    Args:
        results: where ``records/`` lies; without it there are none.
        dataset: leave out the records of others.

    Raises:
        RecordError: a folder cannot be read, or a link leads nowhere.
    """
    folder = results / "records"
    return list(json_files(folder if dataset is None else folder / file_name(dataset)))


def _place(spec: RunSpec) -> Path:
    """Return a path that is the spec's alone: labels may share a folder, ids are no others'."""
    label = re.sub(r"[^A-Za-z0-9.+=-]+", "-", spec.label).strip("-")
    folders = map(file_name, (spec.dataset, spec.backbone, label))
    return Path(*folders, f"{spec.run_id}.json")


def write_record(results: Path, record: RunRecord) -> Path:
    """Write a record, its traces and its masks, if any, each under a temporary name that is then
    renamed.

    The record comes last: a run that has one has the others too.

    Raises:
        RecordError: the disk is full or the folder cannot be written, or a metric is no finite
            number; nothing else is lost.
    """
    record.check_finite()
    _write_traces(trace_path(results, record.spec), record)
    _write_masks(mask_path(results, record.spec), record)
    path = record_path(results, record.spec)
    write_atomically(path, to_json(record.to_dict()) + "\n")
    return path


def delete_record(results: Path, spec: RunSpec) -> None:
    """Delete a run's record, its traces and its masks, where there are any."""
    for path_of in (record_path, trace_path, mask_path):
        path_of(results, spec).unlink(missing_ok=True)


def _write_traces(path: Path, record: RunRecord) -> None:
    stages = {stage: trace.to_dict() for stage, trace in record.traces.items() if trace.series}
    if stages:
        data = {"schema": TRACES_SCHEMA, "run_id": record.spec.run_id, "stages": stages}
        write_atomically(path, to_json(data, indent=None) + "\n")
    elif path.is_file():
        path.unlink()  # Of an earlier run of this spec, which traced something.


def _write_masks(path: Path, record: RunRecord) -> None:
    if record.allocation is None or not record.allocation.masks:
        if path.is_file():
            path.unlink()  # Of an earlier run of this spec, which found masks.
    elif any(mask and mask.bits is None for mask in record.allocation.masks):
        read_masks(path, record.allocation)  # A record that was read: its masks are there already.
    else:
        write_atomically(path, masks_file(record.allocation))


def with_masks(results: Path, record: RunRecord) -> RunRecord:
    """Return a record whose masks have their values, for whoever trains or exports them.

    Raises:
        RecordError: their file is not there, or holds other masks; the message names it.
    """
    if record.allocation is None or not record.allocation.masks:
        return record
    found = read_masks(mask_path(results, record.spec), record.allocation)
    return replace(record, allocation=found)


def read_traces(results: Path, spec: RunSpec) -> dict[str, Trace]:
    """Return ``{stage: trace}`` of a run; empty if it traced nothing.

    Raises:
        RecordError: the file does not hold the traces of this run; the message names it.
    """
    path = trace_path(results, spec)
    if not path.exists():
        return {}
    try:
        data = from_json(path.read_text(encoding="utf-8"))
        if (data["schema"], data["run_id"]) != (TRACES_SCHEMA, spec.run_id):
            raise RecordError(f"holds no traces of run {spec.run_id} in schema {TRACES_SCHEMA}")
        return {stage: Trace.from_dict(series) for stage, series in data["stages"].items()}
    except (OSError, AesbenchError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{path}: {error}; delete or move the file") from error


def read_record(path: Path) -> RunRecord:
    """Read one record.

    Raises:
        RecordError: the file is not a record of this schema; the message names it.
    """
    try:
        return RunRecord.from_dict(from_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecordError) as error:
        raise RecordError(f"{path}: {error}; delete or move the file") from error


def read_records(results: Path) -> Iterator[RunRecord]:
    """Yield every record under a results folder, in the order of their paths.

    Raises:
        RecordError: a file is not a record of this schema.
    """
    for path in record_files(results):
        yield read_record(path)


def find_record(results: Path, text: str) -> RunRecord:
    """Return the record of a run by its id, or by the first digits of it.

    Raises:
        RecordError: no run has it or several have; the message says how to find ids.
    """
    paths = {path.stem: path for path in record_files(results)}
    found = sorted(run_id for run_id in paths if text and run_id.startswith(text))
    if len(found) == 1:
        return read_record(paths[found[0]])
    hint = f"'aesbench list runs --results {results}' shows the ids"
    if found:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise RecordError(f"{len(found)} runs begin with '{text}': {shown}; {hint}")
    nearest = did_you_mean(text, paths)
    raise RecordError(f"no run '{text}' under {results / 'records'}{nearest} {hint}")


def run_title(spec: RunSpec) -> str:
    """Return what distinguishes a run, in words."""
    title = f"{spec.label} on {spec.dataset}, {spec.backbone}, seed {spec.seed}"
    return f"{title}, search {spec.search_index}" if spec.search_index else title


def field_names(record: RunRecord, count: int) -> list[str]:
    """Return the names of a run's fields; numbers where it failed before it had an allocation."""
    if record.allocation is not None and len(record.allocation.names) == count:
        return list(record.allocation.names)
    return [f"field {number}" for number in range(count)]
