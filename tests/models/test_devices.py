"""Off the CPU: every method searches, every model trains, and no step waits for a value.

The device here computes on the CPU and keeps a GPU's rules: an operation on some of its tensors
and on others from the CPU is refused, as CUDA does, and every look at a value from outside is
counted, where CUDA would wait. It is no GPU: nothing is queued, and what CUDA alone refuses in an
operation is not refused here.
"""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from aesbench import Allocation, Field, Split, TrainConfig, fit
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.packed.training import fit_pack
from aesbench.models.training import predict
from aesbench.plugins.registry import METHODS
from aesbench.search.bilevel import BilevelBatches
from aesbench.testing import TINY_SHAPES, tiny_context
from aesbench.testing.conformance import quick_config

try:
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
except ImportError:
    pytest.skip(f"torch {torch.__version__} has no devices made in Python", allow_module_level=True)

NAME = "pretend"
_setup_privateuseone_for_python_backend(NAME)

READS = {"aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::masked_select"}
"""Operations whose result, or its shape, has to be known at once."""
COPIES = {"aten::_to_copy", "aten::copy_"}
INDEXING = {"aten::index", "aten::index_put_", "aten::index_put"}
"""Which read how many are chosen, where a mask chooses."""


class OnDevice(torch.Tensor):
    """A tensor of the device: the shape of its ``held`` tensor, which has the values."""

    def __new__(cls, held):
        how = {"layout": held.layout}
        if held.layout == torch.strided:
            how = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, dtype=held.dtype, device=f"{NAME}:0", **how
        )
        made.held = held
        return made

    def __repr__(self):
        return f"OnDevice({self.held})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError(f"{function} outside of the context of the device")


class Pretend(TorchDispatchMode):
    """The context in which the device is there.

    Attributes:
        waits: how often each operation looked at a value, or copied from device to device.
    """

    def __init__(self):
        super().__init__()
        self.waits = Counter()
        self._lists = _Lists(self.waits)

    def __enter__(self):
        # Else torch.tensor(..., device=...) goes past every context.
        torch._C._set_only_lift_cpu_tensors(True)
        self._lists.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._lists.__exit__(*error)
        torch._C._set_only_lift_cpu_tensors(False)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        there = [t for t in tensors if isinstance(t, OnDevice)]
        target = kwargs.get("device")
        goes_there = bool(there) if target is None else torch.device(target).type == NAME
        if not there and not goes_there:
            return function(*args, **kwargs)
        name = function._schema.name
        masked = name in INDEXING and any(
            t is not None and t.dtype == torch.bool for t in tree_leaves(args[1])
        )
        counted = name == "aten::repeat_interleave" and kwargs.get("output_size") is None
        if name in READS or masked or counted:
            self.waits[name] += 1
        elif name in COPIES:
            stays = len(there) == len(tensors) and goes_there
            self.waits[name] += not stays and not kwargs.get("non_blocking", False)
        elif there:
            strangers = [t.shape for t in tensors if not isinstance(t, OnDevice) and t.dim() > 0]
            if strangers:
                raise RuntimeError(f"{function} got tensors of two devices; on the CPU {strangers}")
        if target is not None:
            kwargs["device"] = "cpu"
        known = {id(t.held): t for t in there}  # What is changed in place comes back as it was.
        args, kwargs = tree_map(lambda x: getattr(x, "held", x), (args, kwargs))
        if name == "aten::copy_":
            function(*args, **kwargs)
            return known.get(id(args[0]), args[0])

        def wrap(value):
            if not isinstance(value, torch.Tensor) or not goes_there:
                return value
            return known[id(value)] if id(value) in known else OnDevice(value)

        return tree_map(wrap, function(*args, **kwargs))


class _Lists(TorchFunctionMode):
    """Lets tensors of the device give lists, which torch refuses to all that it does not know."""

    def __init__(self, waits):
        super().__init__()
        self._waits = waits

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.tolist and args[0].device.type == NAME:
            self._waits["tolist"] += 1
            return args[0].detach().cpu().tolist()
        return function(*args, **(kwargs or {}))


PRESETS = [
    pytest.param(METHODS.get(name), preset, id=f"{name}:{preset}" if preset else name)
    for name in METHODS.names()
    for preset in METHODS.get(name).default_presets
]
SEVERAL_VALUES = (*TINY_SHAPES[:2], ("kind", 5, 2))


def test_what_cuda_refuses_is_refused():
    """The device is worth something only if it tells an error from what is none."""
    with Pretend() as pretend:
        there = torch.arange(3.0, device=NAME)
        assert (there + 1).device.type == NAME and (there * torch.tensor(2.0)).sum().item() == 6
        with pytest.raises(RuntimeError, match="two devices"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="two devices"):
            there.index_select(0, torch.tensor([0]))
        pretend.waits.clear()
        assert torch.equal(there.cpu(), torch.arange(3.0))
        assert there.tolist() == [0, 1, 2] and there[there > 0].shape == (2,)
        there.copy_(torch.zeros(3)), there.copy_(there + 1)
        assert there[0] == 1  # Which reads the comparison's result.
    assert pretend.waits == {
        "aten::_to_copy": 2, "tolist": 1, "aten::index": 1, "aten::copy_": 1,
        "aten::_local_scalar_dense": 1,
    }  # fmt: skip


@pytest.mark.parametrize("shapes", [TINY_SHAPES, SEVERAL_VALUES], ids=["single", "several"])
@pytest.mark.parametrize(("method", "preset"), PRESETS)
def test_every_method_searches_off_the_cpu(method, preset, shapes):
    """No tensor is left behind on the CPU, from the first draw to a model with the sizes."""
    with Pretend():
        context = tiny_context(
            device=torch.device(NAME), shapes=shapes, train_config=TrainConfig(256, epochs=1)
        )
        chosen = method(quick_config(method, preset))
        found = chosen.search(context, chosen.prepare(context))
        model = context.build_model(context.build_embedding(found))
        assert all(isinstance(weight.data, OnDevice) for weight in model.parameters())
        assert np.isfinite(predict(model, context.validation)).all()


@pytest.mark.parametrize("name", ["adass", "autodim", "autoemb"])
def test_no_step_of_a_search_waits(name, monkeypatch):
    """But for what is traced, a few hundred times in a search.

    AdaS&S's steps are its supernet's; what it searches then, it scores, and reads each score.
    """
    monkeypatch.setattr(BilevelBatches, "is_traced", lambda batches: False)
    method, waits = METHODS.get(name), []
    for batch_size in (256, 64):
        with Pretend() as pretend:
            context = tiny_context(
                device=torch.device(NAME), train_config=TrainConfig(batch_size, epochs=1)
            )
            chosen = method(quick_config(method, method.default_presets[0]))
            prepared = chosen.prepare(context)
            if name != "adass":
                chosen.search(context, prepared)
        waits.append(pretend.waits)
    assert waits[0] == waits[1]


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_no_step_off_the_cpu_waits(backbone, unification):
    """An epoch waits as often with twelve steps as with three, and learns what a CPU learns."""
    fields = [Field("user", 40), Field("item", 9), Field("hour", 3)]
    draw = np.random.default_rng(0)
    ids = np.stack([draw.integers(f.cardinality, size=192) for f in fields], 1).astype(np.int32)
    labels = draw.integers(2, size=192).astype(np.uint8)
    waits, logits = [], []
    for batch_size, device in ((64, NAME), (16, NAME), (16, "cpu")):
        split = Split(ids, labels)  # A split that was on the device before is there still.
        with Pretend() as pretend:
            generator = torch.Generator().manual_seed(0)
            embedding = MixedEmbedding(
                fields, Allocation.uniform(fields, 4), unification=unification, final_dim=4,
                table_std=0.01, generator=generator,
            )  # fmt: skip
            model = backbone(fields, embedding, BackboneConfig((8,)), generator).to(device)
            fit(model, split, split, TrainConfig(batch_size=batch_size, epochs=1), generator)
            logits.append(predict(model, split))
        waits.append(pretend.waits)
    assert waits[0] == waits[1] and not waits[2]
    # A normalisation takes out the biases before it: their gradients are rounding, which Adam makes
    # steps of. They shift all logits alike.
    np.testing.assert_allclose(*(own - own.mean() for own in logits[1:]), atol=1e-4)


@pytest.mark.parametrize("dims", [[(24, 24, 24)] * 2, [(8, 2, 24), (2, 2, 0), (0, 4, 2)]])
@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_no_step_of_a_pack_waits(backbone, unification, dims):
    """Seeds alone or mixed sizes: where a field has one value and one size, nothing is read.

    ``hour`` is computed value by value in batches of either size, the others row by row.
    """
    if backbone is DeepFM and unification == "plain":
        dims = [[max(own) * bool(dim) for dim in own] for own in dims]
    fields = [Field("user", 40), Field("item", 30), Field("hour", 3)]
    draw = np.random.default_rng(0)
    ids = np.stack([draw.integers(f.cardinality, size=192) for f in fields], 1).astype(np.int32)
    labels = draw.integers(2, size=192).astype(np.uint8)
    waits, logits = [], []
    for batch_size, device in ((64, NAME), (16, NAME), (16, "cpu")):
        split = Split(ids, labels)  # A split that was on the device before is there still.
        with Pretend() as pretend:
            models, generators = [], []
            for seed, own in enumerate(dims):
                generators.append(torch.Generator().manual_seed(seed))
                embedding = MixedEmbedding(
                    fields, Allocation.field_wise(fields, own), unification=unification,
                    final_dim=24, table_std=0.01, generator=generators[-1],
                )  # fmt: skip
                config = BackboneConfig((8,), batch_norm=True)
                models.append(backbone(fields, embedding, config, generators[-1]).to(device))
            config = TrainConfig(batch_size=batch_size, epochs=1)
            done = list(fit_pack(models, [(split, split)] * len(models), config, generators, []))
            assert [one.number for one in done] == list(range(len(dims)))
            logits.append([predict(model, split) for model in models])
        waits.append(pretend.waits)
    assert waits[0] == waits[1] and not waits[2]
    for found, expected in zip(*logits[1:], strict=True):
        # A normalisation takes out the biases before it; see above.
        np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-4)
