"""Row-sparse Adam equals torch's optimizers where they do the same, and touches nothing else."""

import pytest
import torch
from torch import nn

from aesbench.models.optimizer import (
    ModelAdam,
    RowSparseAdam,
    TableRows,
    group_rows,
    group_rows_without_wait,
)

ROWS, DIM = 20, 3


def table(seed=0):
    """A table with random values."""
    weight = torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(seed))
    return nn.Embedding(ROWS, DIM, sparse=True, _weight=weight)


def descend(embedding, optimizer, batches):
    """Take a step on a nonlinear loss for each batch of ids."""
    for ids in batches:
        embedding(torch.tensor(ids)).pow(3).sum().backward()
        optimizer.step()
        embedding.zero_grad()


BATCHES = [[1, 2, 2, 5], [2, 7], [1, 1, 1], [5, 7, 9], [2]]


def test_without_decay_it_is_torchs_sparse_adam():
    """Same rows, repeated rows, several steps: same values."""
    ours, theirs = table(), table()
    descend(ours, RowSparseAdam([ours.weight], learning_rate=0.1, l2=0.0), BATCHES)
    descend(theirs, torch.optim.SparseAdam([theirs.weight], lr=0.1), BATCHES)
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_with_every_row_in_every_batch_it_is_adam_with_weight_decay():
    """The decay is coupled, as in Adam: it enters the moments."""
    ours, theirs = table(), nn.Embedding(ROWS, DIM, _weight=table().weight.detach().clone())
    batches = [list(range(ROWS))] * 4
    descend(ours, RowSparseAdam([ours.weight], learning_rate=0.1, l2=0.03), batches)
    descend(theirs, torch.optim.Adam([theirs.weight], lr=0.1, weight_decay=0.03), batches)
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_rows_outside_the_batches_stay_bit_for_bit():
    """Neither momentum nor decay moves a row that no batch held."""
    embedding, before = table(), table().weight
    optimizer = RowSparseAdam([embedding.weight], learning_rate=0.1, l2=0.5)
    descend(embedding, optimizer, BATCHES)
    touched = sorted({row for batch in BATCHES for row in batch})
    untouched = [row for row in range(ROWS) if row not in touched]
    assert torch.equal(embedding.weight[untouched], before[untouched])
    assert not torch.isclose(embedding.weight[touched], before[touched]).any()
    for moment in optimizer.moments[0]:
        assert torch.equal(moment[untouched], torch.zeros(len(untouched), DIM))


def test_equal_ids_are_grouped():
    """The order sorts the ids, and each distinct id's lookups start where they should."""
    for ids in ([4, 1, 4], [0, 0], [1, 5, 4, 1], [3]):
        groups = group_rows(torch.tensor(ids))
        assert groups.rows.tolist() == sorted(set(ids))
        assert [ids[place] for place in groups.order] == sorted(ids)
        assert groups.starts.tolist() == [sorted(ids).index(row) for row in groups.rows]


@pytest.mark.parametrize("group", [group_rows, group_rows_without_wait])
def test_no_ids_make_no_groups(group):
    """A batch may look nothing up in a table."""
    groups = group(torch.empty(0, dtype=torch.int64))
    assert groups.rows.tolist() == groups.order.tolist() == groups.starts.tolist() == []
    assert groups.sums(torch.empty(0, DIM)).shape == (0, DIM)


@pytest.mark.parametrize("bits", [1, 4, 16, 17, 23, 32, 33, 48, 49])
def test_ids_of_any_size_are_grouped_and_equal_ones_stay_in_their_order(bits):
    """Whatever the number of 16-bit rounds that it takes, as Python's stable sort has it."""
    draw = torch.Generator().manual_seed(bits)
    ids = torch.randint(2**bits - 2 ** (bits - 1), 2**bits, (300,), generator=draw)
    ids = torch.cat([ids, ids[::3], ids % 7, torch.tensor([2**bits - 1, 0])]).tolist()
    groups = group_rows(torch.tensor(ids))
    assert groups.order.tolist() == sorted(range(len(ids)), key=ids.__getitem__)
    assert groups.rows.tolist() == sorted(set(ids))
    assert [ids[groups.order[start]] for start in groups.starts] == groups.rows.tolist()


@pytest.mark.parametrize("shape", [(9, 3), (9, 1), (9,), (1, 4), (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("strided", [False, True])
def test_rows_are_taken_and_put_back(shape, dtype, strided):
    """Those and no others, whatever a number's type is and however they lie in memory."""
    draw = torch.Generator().manual_seed(0)
    whole = torch.randn(shape, generator=draw).to(dtype)
    if strided:
        whole = torch.stack([whole, whole], -1)[..., 0]
    before, rows = whole.clone(), torch.tensor([0, 4, 7] if shape[0] > 1 else [0])
    table = TableRows(whole)
    assert torch.equal(table.take(rows), before[rows])
    new = torch.randn(len(rows), *shape[1:], generator=draw).to(dtype)
    table.put(rows, new)
    rest = [row for row in range(shape[0]) if row not in rows]
    assert torch.equal(whole[rows], new) and torch.equal(whole[rest], before[rest])


def test_a_row_that_a_table_lacks_is_refused():
    """Nothing is written beside a table."""
    with pytest.raises(IndexError):
        TableRows(torch.zeros(9, 3)).put(torch.tensor([9]), torch.zeros(1, 3))


@pytest.mark.parametrize("ids", [[4, 1, 4], [0, 0], [1, 5, 4, 1], [3], [7, 2, 5], [2, 0, 2, 0, 2]])
def test_groups_without_wait_repeat_the_last(ids):
    """As many as ids, the first ones those of `group_rows`, sums included."""
    values = torch.randn(len(ids), DIM, generator=torch.Generator().manual_seed(0))
    few, many = group_rows(torch.tensor(ids)), group_rows_without_wait(torch.tensor(ids))
    repeated = [*range(len(few.rows)), *[-1] * (len(ids) - len(few.rows))]
    assert torch.equal(many.rows, few.rows[repeated])
    assert torch.equal(many.sums(values), few.sums(values)[repeated])


def test_a_step_without_wait_is_the_same_step(monkeypatch):
    """Values and moments, over several batches with decay."""
    tables = table(), table()
    optimizers = [RowSparseAdam([t.weight], learning_rate=0.1, l2=0.5) for t in tables]
    descend(tables[0], optimizers[0], BATCHES)
    monkeypatch.setattr("aesbench.models.optimizer.group_rows", group_rows_without_wait)
    descend(tables[1], optimizers[1], BATCHES)
    assert torch.allclose(tables[0].weight, tables[1].weight, rtol=0, atol=1e-6)
    for mine, theirs in zip(optimizers[0].moments[0], optimizers[1].moments[0], strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-6, atol=1e-7)


class TwoParts(nn.Module):
    """A sparse table and a dense layer."""

    def __init__(self):
        super().__init__()
        self.table = table()
        self.layer = nn.Linear(DIM, 1)

    def forward(self, ids):
        return self.layer(self.table(ids)).squeeze(1)


def test_decay_acts_on_tables_only():
    """The dense part of a model moves as plain Adam moves it."""
    torch.manual_seed(0)
    model = TwoParts()
    plain = nn.Linear(DIM, 1)
    plain.load_state_dict(model.layer.state_dict())
    ours = ModelAdam(model, learning_rate=0.01, l2=10.0)
    theirs = torch.optim.Adam(plain.parameters(), lr=0.01)
    inputs = model.table.weight.detach()[[1, 2]].clone()
    model(torch.tensor([1, 2])).sum().backward()
    plain(inputs).sum().backward()
    ours.step()
    theirs.step()
    torch.testing.assert_close(model.layer.weight, plain.weight)
    ours.zero_grad()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("frozen", ["table", "layer"])
def test_frozen_parameters_are_left_out(frozen):
    """`requires_grad_(False)` keeps a part of the model as it is."""
    model = TwoParts()
    getattr(model, frozen).requires_grad_(False)
    before = {name: p.clone() for name, p in model.named_parameters()}
    optimizer = ModelAdam(model, learning_rate=0.1, l2=0.0)
    model(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    changed = [name for name, p in model.named_parameters() if (p != before[name]).any()]
    moved = {name.split(".")[0] for name in changed}
    assert moved == {"table", "layer"} - {frozen}


def sparse(rows, values, length=ROWS):
    """A gradient as an embedding's backward pass leaves it: rows in any order, some repeated."""
    values = torch.as_tensor(values)
    indices = torch.tensor([rows], dtype=torch.int64)
    return torch.sparse_coo_tensor(indices, values, (length, DIM), check_invariants=True)


def random_gradients(steps, dtype=torch.float64, seed=0):
    """Gradients of wildly different magnitudes, 1e-6 to 1e2, on random rows of one table."""
    draw = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(0, ROWS, (15,), generator=draw).tolist()
        values = torch.randn(15, DIM, generator=draw, dtype=dtype) * 10.0 ** (step % 9 - 6)
        yield rows, values


def test_it_is_torchs_sparse_adam_to_twelve_digits():
    """Same gradients of any magnitude, 40 steps in double precision.

    torch adds eps before the second moment's bias correction, ours after it, as dense Adam does;
    an eps far below the gradients takes this difference out.
    """
    start = table().weight.detach().double()
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimizer = RowSparseAdam([ours], learning_rate=0.1, l2=0.0, eps=1e-30)
    reference = torch.optim.SparseAdam([theirs], lr=0.1, eps=1e-30)
    for rows, values in random_gradients(40):
        ours.grad, theirs.grad = sparse(rows, values), sparse(rows, values)
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_with_every_row_it_is_adam_to_twelve_digits_also_where_eps_matters():
    """Gradients from far below eps to far above it, coupled weight decay, double precision."""
    start = table().weight.detach().double()
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimizer = RowSparseAdam([ours], learning_rate=0.1, l2=1e-9, eps=1e-4)
    reference = torch.optim.Adam([theirs], lr=0.1, eps=1e-4)
    everything = list(range(ROWS))
    for rows, values in random_gradients(30):
        ours.grad = sparse(everything + rows, torch.cat([torch.zeros(ROWS, DIM), values]).double())
        theirs.grad = ours.grad.to_dense()
        theirs.grad += 1e-9 * theirs.detach() * (theirs.grad != 0)
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_row_keeps_value_and_moments_while_it_is_away():
    """A row that was moved before rests bit for bit until its next batch."""
    embedding = table()
    optimizer = RowSparseAdam([embedding.weight], learning_rate=0.1, l2=0.5)
    descend(embedding, optimizer, [[1, 2], [2, 3]])
    state = [embedding.weight.detach(), *optimizer.moments[0]]
    before = [part[1].clone() for part in state]
    assert all(part.any() for part in before)
    descend(embedding, optimizer, [[3, 4], [2, 2], [0]])
    assert all(torch.equal(part[1], old) for part, old in zip(state, before, strict=True))


def test_decay_counts_a_row_once_however_often_the_batch_holds_it():
    """Row 0 twice with half a gradient each moves as row 1 once with all of it."""
    weight = torch.ones(2, DIM, requires_grad=True)
    optimizer = RowSparseAdam([weight], learning_rate=0.1, l2=3.0)
    weight.grad = sparse([0, 1, 0], [[0.5] * DIM, [1.0] * DIM, [0.5] * DIM], length=2)
    optimizer.step()
    assert torch.equal(weight[0], weight[1])
    # Coupled: 1 + 3 * 1 = 4 enters the moments, (1 - 0.9) * 4 and (1 - 0.999) * 16.
    first, second = optimizer.moments[0]
    assert first[:, 0].tolist() == pytest.approx([0.4, 0.4])
    assert second[:, 0].tolist() == pytest.approx([0.016, 0.016])


def test_values_of_a_row_without_gradient_stay_bit_for_bit():
    """The decay moves what the loss moves: not what a mask or a smaller size leaves out."""
    weight = torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(0)).requires_grad_()
    before = weight.detach().clone()
    optimizer = RowSparseAdam([weight], learning_rate=0.1, l2=0.5)
    for _ in range(3):
        gradient = torch.ones(2, DIM)
        gradient[:, 1:] = 0
        weight.grad = sparse([1, 4], gradient, ROWS)
        optimizer.step()
    assert torch.equal(weight[:, 1:], before[:, 1:])
    assert not torch.isclose(weight[[1, 4], 0], before[[1, 4], 0]).any()


def test_tables_of_one_step_do_not_disturb_each_other():
    """Together they move as each would alone: equal ids, other ids, no ids, no gradient."""
    steps = [
        [[1, 5, 1], [1, 5, 1], [2, 0], []],
        [[], [], [4, 4], [4, 4]],
        [[7], None, [2], [1]],
        [[2, 3], [3, 2], [2, 3], [2, 3]],
    ]
    lengths = (8, ROWS, 8, 9)
    draw = torch.Generator().manual_seed(0)
    starts = [torch.randn(length, DIM, generator=draw) for length in lengths]
    together = [start.clone().requires_grad_() for start in starts]
    apart = [start.clone().requires_grad_() for start in starts]
    settings = {"learning_rate": 0.1, "l2": 0.01}
    joint = RowSparseAdam(together, **settings)
    alone = [RowSparseAdam([weight], **settings) for weight in apart]
    for step in steps:
        for rows, one, other in zip(step, together, apart, strict=True):
            one.grad = other.grad = None
            if rows is not None:
                values = torch.randn(len(rows), DIM, generator=draw)
                one.grad, other.grad = (sparse(rows, values, len(one)) for _ in range(2))
        joint.step()
        for optimizer in alone:
            optimizer.step()
    for one, other in zip(together, apart, strict=True):
        assert torch.equal(one, other)


def test_tied_tables_move_once():
    """Two embeddings that share one weight share its step."""
    single, tied = TwoParts(), TwoParts()
    tied.load_state_dict(single.state_dict())
    tied.second = nn.Embedding(ROWS, DIM, sparse=True)
    tied.second.weight = tied.table.weight
    for model in (single, tied):
        model(torch.tensor([1, 2])).sum().backward()
        ModelAdam(model, learning_rate=0.1, l2=0.0).step()
    assert torch.equal(single.table.weight, tied.table.weight)


def test_dense_tables_are_left_to_the_dense_optimizer():
    """An embedding that is not sparse trains too, without decay."""
    model = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 1))
    before = model[0].weight.detach().clone()
    optimizer = ModelAdam(model, learning_rate=0.1, l2=100.0)
    model(torch.tensor([1])).sum().backward()
    optimizer.step()
    assert (model[0].weight != before).any(1).tolist() == [False, True, False, False]


def test_a_step_is_the_rule_written_row_by_row():
    """Two tables with equal lookups and one with others, 30 steps in double precision.

    For every row of the batch: its gradients summed in the batch's order, decay added, both moments
    moved, both corrected, the value moved (Kingma & Ba, algorithm 1).
    """
    rate, decay, (beta1, beta2), eps = 0.05, 0.01, (0.9, 0.999), 1e-8
    draw = torch.Generator().manual_seed(0)
    shapes = [(70_000, 3), (70_000, 1), (ROWS, 2)]
    starts = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    tables = [start.clone().requires_grad_() for start in starts]
    optimizer = RowSparseAdam(tables, learning_rate=rate, l2=decay)
    state = [{} for _ in tables]  # {row: (value, first, second)}
    frequent = torch.tensor([0, 3, 65_535, 65_536, 69_999])
    for step in range(1, 31):
        shared = torch.cat([torch.randint(70_000, (40,), generator=draw), frequent.repeat(3)])
        shared = shared[torch.randperm(len(shared), generator=draw)]
        for number, table in enumerate(tables):
            rows = shared if number < 2 else torch.randint(ROWS, (25,), generator=draw)
            values = torch.randn(len(rows), table.shape[1], generator=draw, dtype=torch.float64)
            table.grad = torch.sparse_coo_tensor(
                rows[None], values, table.shape, check_invariants=True
            )
            sums = {}
            for row, value in zip(rows.tolist(), values, strict=True):
                sums[row] = sums.get(row, 0) + value
            for row, gradient in sums.items():
                own, first, second = state[number].get(row, (starts[number][row], 0, 0))
                gradient = gradient + decay * own
                first = beta1 * first + (1 - beta1) * gradient
                second = beta2 * second + (1 - beta2) * gradient**2
                corrected = first / (1 - beta1**step), second / (1 - beta2**step)
                own = own - rate * corrected[0] / (corrected[1].sqrt() + eps)
                state[number][row] = own, first, second
        optimizer.step()
    for start, table, known in zip(starts, tables, state, strict=True):
        expected = start.clone()
        for row, (own, _, _) in known.items():
            expected[row] = own
        torch.testing.assert_close(table.detach(), expected, rtol=1e-12, atol=1e-12)
