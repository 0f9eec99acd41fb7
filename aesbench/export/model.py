"""A retrained model in files that any machine can load: weights, and what to build around them.

::

    model.json             the fields (and histories) in the order of the id columns, the sizes, the
                           backbone
    weights.safetensors    the state of the model; what masks leave out is zero
    masks.npz              the masks, where the sizes have any
    vocabulary/<n>.parquet what each id of field n stands for, where the data set knows it

A run keeps no weights: records stay small, and any record at hand can be exported, others' too.
The model is trained again from the record's spec and sizes, which takes no search and no plugin
of a method; equal specs give equal bits on the same machine, and the metrics say whether they did.
It is trained alone: a run that was retrained in a pack gives a model that is equal within
``PACK_TOLERANCE`` only.
Nothing here is unpickled: JSON and safetensors hold data only.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from aesbench.core.allocation import Allocation
from aesbench.core.files import from_json, to_json
from aesbench.core.mask_file import masks_file, read_masks
from aesbench.core.pack import Pack, agree
from aesbench.core.record import RunRecord
from aesbench.core.settings import build_config
from aesbench.datasets.base import Dataset, Field
from aesbench.errors import AesbenchError, ConfigError, RecordError
from aesbench.export.allocation_file import found_allocation
from aesbench.harness.sealed import refuse_sealed
from aesbench.harness.stages import checked_device, data_of, retrain, score_test
from aesbench.models.backbones import Backbone
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.training import Progress, predict
from aesbench.plugins.registry import BACKBONES

FORMAT = 1
MODEL_FILE, WEIGHTS_FILE, MASKS_FILE = "model.json", "weights.safetensors", "masks.npz"


@dataclass(frozen=True)
class ModelExport:
    """A model, trained again.

    Attributes:
        files: {name: content}.
        metrics: {validation, test} -> {auc, logloss} of these weights.
        expected: the record's; empty for a run that was only searched.
        pack: that the run was retrained in; None if alone.
    """

    files: dict[str, bytes]
    metrics: dict[str, dict[str, float]]
    expected: dict[str, dict[str, float]]
    pack: Pack | None = None

    @property
    def is_the_runs(self) -> bool:
        """Whether every metric equals the record's: to the last bit, unless it is of a pack."""
        return bool(self.expected) and agree(self.metrics, self.expected, self.pack)


def export_model(
    record: RunRecord, dataset: Dataset, *, device: str = "cpu", progress: Progress
) -> ModelExport:
    """Train a run's model again, with the record's number of threads, and return its files.

    Raises:
        ConfigError: the data set is another one or sealed, or the run started from weights of its
            search.
        RecordError: the run has no allocation.
        AllocationError: the record's masks have no values; ``with_masks`` reads them.
    """
    spec, allocation = record.spec, found_allocation(record)
    own = data_of(spec, dataset)
    refuse_sealed(dataset.name)
    if spec.inherit:
        raise ConfigError(
            f"run {spec.run_id} started from the weights of its search, which are not kept; export"
            " its sizes with --to json, or a run without --inherit"
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(record.environment.get("threads", threads))
    try:
        model, result = retrain(spec, own, allocation, checked_device(device), progress)
        measured = {"validation": dataclasses.asdict(result.validation)}
        measured |= score_test(own, predict(model, own.test))
    finally:
        torch.set_num_threads(threads)
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    document = {
        "format": FORMAT,
        "run_id": spec.run_id,
        "dataset": spec.dataset,
        "data_hash": spec.data_hash,
        "method": spec.label,
        "seed": spec.seed,
        "metrics": measured,
        "backbone": spec.backbone,
        "backbone_config": dict(spec.backbone_config),
        "unification": spec.unification,
        "final_dim": spec.final_dim,
        "fields": [
            {"name": field.name, "cardinality": field.cardinality, "columns": field.columns}
            for field in own.fields
        ],
        **_histories(own),
        "allocation": allocation.to_dict(),
    }
    vocabulary = sorted((own.folder / "vocabulary").glob("*.parquet"))
    files = {
        WEIGHTS_FILE: safetensors.torch.save(weights),
        MODEL_FILE: (to_json(document) + "\n").encode(),
        **({MASKS_FILE: masks_file(allocation)} if allocation.masks else {}),
        **{f"vocabulary/{path.name}": path.read_bytes() for path in vocabulary},
    }
    expected = {split: dict(scores) for split, scores in record.metrics.items()}
    return ModelExport(files, measured, expected, record.pack)


def _histories(dataset: Dataset) -> dict[str, Any]:
    """Return what a document says of the histories; nothing where there are none."""
    described = [
        {
            "name": history.name,
            "cardinality": history.cardinality,
            "columns": history.columns,
            "shares": history.shares,
        }
        for history in dataset.histories
    ]
    return {"histories": described} if described else {}


def load_model(folder: str | Path) -> Backbone:
    """Return an exported model in eval mode: ids ``(batch, columns)`` -> logits ``(batch,)``.

    Its backbone must be registered: load the plugin first if it is not one of aesbench's own.

    Raises:
        RecordError: the folder holds no model of this format, or the weights do not fit it.
        ConfigError: the backbone is not registered.
    """
    path = Path(folder) / MODEL_FILE
    try:
        document = from_json(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise RecordError(f"format {document['format']}, this version reads {FORMAT}")
        backbone = BACKBONES.get(document["backbone"])
        found = Allocation.from_dict(document["allocation"])
        allocation = read_masks(path.with_name(MASKS_FILE), found)
        model = _build(backbone, document, allocation)
        model.load_state_dict(safetensors.torch.load_file(path.with_name(WEIGHTS_FILE)))
    except ConfigError:
        raise
    except (
        OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, AesbenchError,
    ) as error:  # fmt: skip
        raise RecordError(
            f"{path}: no model can be loaded: {error}; export the run again"
        ) from error
    return model.eval()


def _build(backbone: type[Backbone], document: dict[str, Any], allocation: Allocation) -> Backbone:
    """Return the model with weights that are about to be replaced."""
    fields = tuple(Field(**entry) for entry in document["fields"])
    generator = torch.Generator()
    embedding = MixedEmbedding(
        fields,
        allocation,
        unification=document["unification"],
        final_dim=document["final_dim"],
        table_std=1.0,
        generator=generator,
        histories=tuple(Field(**entry) for entry in document.get("histories", ())),
    )
    config: Any = build_config(backbone.Config, document["backbone_config"], backbone.name)
    return backbone(fields, embedding, config, generator)
