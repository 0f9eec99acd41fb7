"""The planted data set is what its truth says, and sizes can be found in it only where planted."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from aesbench.core.settings import build_config
from aesbench.datasets.base import SPLITS
from aesbench.datasets.sources.planted import (
    DESIGN,
    TINY_DESIGN,
    Design,
    Planted,
    PlantedConfig,
    PlantedField,
    PlantedPair,
    PlantedTiny,
    PlantedTinyConfig,
    draw_effects,
)
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache folder for the module: every data set is generated once."""
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(scope="module")
def planted(cache):
    """The data set that results are reported on."""
    return prepare(Planted(), cache_dir=cache)


@pytest.fixture(scope="module")
def tiny(cache):
    """The data set for tests."""
    return prepare(PlantedTiny(), cache_dir=cache)


@pytest.fixture
def effects():
    """The effects of the full design, drawn with a seed of their own."""
    return draw_effects(DESIGN, np.random.default_rng(7))


def test_the_same_seed_gives_the_same_bits(tiny, tmp_path):
    """Generated anew in another folder, ids, labels, counts and probabilities are identical."""
    again = prepare(PlantedTiny(), cache_dir=tmp_path)
    assert again.hash == tiny.hash and again.truth == tiny.truth
    for split in SPLITS:
        assert np.array_equal(again.probabilities[split], tiny.probabilities[split])


def test_another_seed_gives_other_data(tiny, cache):
    """Both the drawn rows and the planted effects follow the seed."""
    other = prepare(PlantedTiny(PlantedTinyConfig(seed=1)), cache_dir=cache)
    assert other.hash != tiny.hash
    assert other.truth["bayes_auc"] != tiny.truth["bayes_auc"]


def test_rare_values_share_an_id(tiny, cache):
    """Below ten occurrences in train; rows, labels and the numbers of the others stay."""
    fewer = prepare(PlantedTiny(PlantedTinyConfig(min_count=10)), cache_dir=cache)
    assert fewer.hash != tiny.hash and np.array_equal(fewer.train.labels, tiny.train.labels)
    for field, (own, before) in enumerate(zip(fewer.fields, tiny.fields, strict=True)):
        kept = int((before.counts[:-1] >= 10).sum())
        assert own.cardinality == kept + 1 and np.array_equal(own.counts[:-1], before.counts[:kept])
        assert own.counts.sum() == before.counts.sum() == len(tiny.train)
        expected = np.minimum(tiny.test.ids[:, field], kept)
        assert np.array_equal(fewer.test.ids[:, field], expected)
    assert fewer.fields[0].cardinality < tiny.fields[0].cardinality
    with pytest.raises(ConfigError, match="min_count is how often"):
        PlantedTinyConfig(min_count=0)


def test_splits_are_8_to_1_to_1(planted, tiny):
    """Every row is in one split."""
    assert [len(getattr(planted, split)) for split in SPLITS] == [160_000, 20_000, 20_000]
    assert [len(getattr(tiny, split)) for split in SPLITS] == [9_600, 1_200, 1_200]


def test_rows_that_do_not_divide_by_ten_are_all_kept():
    """The remainder goes to the train split."""
    assert PlantedConfig(rows=119).split_rows == {"train": 97, "validation": 11, "test": 11}


def test_settings_out_of_range_are_refused():
    """A negative seed or too few rows is a ConfigError that names the setting."""
    with pytest.raises(ConfigError, match=r"planted\.seed = -1"):
        PlantedConfig(seed=-1)
    with pytest.raises(ConfigError, match=r"planted\.rows = 99"):
        build_config(PlantedTinyConfig, {"rows": "99"}, "planted-tiny")


@pytest.mark.parametrize("name", ["planted", "tiny"])
def test_ids_are_numbered_by_descending_train_count(name, request):
    """Counts are those of the train ids, descend, and end with the unseen values' zero."""
    data = request.getfixturevalue(name)
    for column, field in enumerate(data.fields):
        found = np.bincount(data.train.ids[:, column], minlength=field.cardinality)
        assert np.array_equal(found, field.counts)
        assert (np.diff(field.counts) <= 0).all()
        assert field.counts[-1] == 0 and field.counts[-2] > 0


def test_ids_lie_in_their_fields_range(planted):
    """Every split's ids are below the cardinality; unseen values do occur outside train."""
    for split in SPLITS:
        ids = getattr(planted, split).ids
        assert ids.min() >= 0
        assert (ids.max(axis=0) < [field.cardinality for field in planted.fields]).all()
    unseen = [field.cardinality - 1 for field in planted.fields]
    assert (planted.test.ids == unseen).any() and not (planted.train.ids == unseen).any()


def test_the_vocabulary_names_each_id(planted):
    """It lists the train counts in the order of the ids; only the last id has no value."""
    for number, field in enumerate(planted.fields):
        frame = pl.read_parquet(planted.folder / "vocabulary" / f"{number}.parquet")
        assert np.array_equal(frame["count"].to_numpy(), field.counts)
        assert frame["value"].n_unique() == field.cardinality
        assert frame["value"].is_null().arg_true().to_list() == [field.cardinality - 1]


def test_values_follow_zipfs_law(planted):
    """Over the ten most frequent ids, log count falls by the exponent per log rank."""
    for field, design in zip(planted.fields, DESIGN.fields, strict=True):
        top = field.counts[: min(10, design.values)]
        slope = np.polyfit(np.log(np.arange(1, len(top) + 1)), np.log(top), 1)[0]
        assert slope == pytest.approx(-design.exponent, abs=0.05), field.name


def test_labels_are_drawn_with_the_stored_probabilities(planted):
    """In each tenth of the predicted range, positives are as frequent as predicted (4 SE)."""
    p, labels = planted.probabilities["train"], planted.train.labels
    bins = np.minimum((p * 10).astype(int), 9)
    for number in range(10):
        inside = bins == number
        expected = p[inside].mean(dtype=np.float64)
        error = np.sqrt((p[inside] * (1 - p[inside])).mean() / inside.sum())
        assert abs(labels[inside].mean() - expected) < 4 * error


def _variance_between_ids(ids, p, cardinality):
    """Return the F ratio of a one-way analysis of variance; 1 in the mean without an effect."""
    counts = np.bincount(ids, minlength=cardinality)
    sums = np.bincount(ids, p, minlength=cardinality)
    kept = counts > 0
    means = sums[kept] / counts[kept]
    between = (counts[kept] * (means - p.mean()) ** 2).sum() / (kept.sum() - 1)
    within = ((p - (sums / np.maximum(counts, 1))[ids]) ** 2).sum() / (len(p) - kept.sum())
    return between / within


def test_noise_fields_say_nothing_of_the_true_probability(planted):
    """Between the ids of a noise field p varies as by chance, of any other field clearly more."""
    p = planted.probabilities["train"].astype(np.float64)
    for column, field in enumerate(planted.fields):
        ratio = _variance_between_ids(planted.train.ids[:, column], p, field.cardinality)
        # The F ratio's standard deviation is sqrt(2 / groups) in the absence of an effect.
        spread = np.sqrt(2 / (field.cardinality - 2))
        if planted.truth["fields"][field.name]["noise"]:
            assert abs(ratio - 1) < 4 * spread, field.name
        else:
            assert ratio > 1 + 20 * spread, field.name


def test_pairs_of_fields_that_are_not_planted_do_not_interact(effects):
    """Only the planted pairs have an interaction, and noise fields have no effect at all."""
    assert set(effects.interactions) == {("query", "category"), ("region", "hour")}
    noise = [field.name for field in DESIGN.fields if field.name.startswith("noise")]
    assert len(noise) == 3
    assert all((effects.first_order[name] == 0).all() for name in noise)


def test_interactions_have_the_planted_rank_and_a_flat_spectrum(effects):
    """Weighted by sqrt(p), a pair's matrix has k singular values of weight / sqrt(k), others 0."""
    for pair in DESIGN.pairs:
        p, q = effects.probabilities[pair.first], effects.probabilities[pair.second]
        matrix = effects.interactions[pair.first, pair.second]
        values = np.linalg.svd(np.sqrt(np.outer(p, q)) * matrix, compute_uv=False)
        expected = np.zeros(len(values))
        expected[: pair.rank] = pair.weight / np.sqrt(pair.rank)
        np.testing.assert_allclose(values, expected, atol=1e-12)
        assert np.linalg.matrix_rank(matrix) == pair.rank


def test_terms_are_centred_and_have_the_planted_variance(effects):
    """First-order effects and both margins of an interaction have mean 0; variances are w^2."""
    for field in DESIGN.fields:
        p, effect = effects.probabilities[field.name], effects.first_order[field.name]
        assert p @ effect == pytest.approx(0, abs=1e-12)
        assert p @ effect**2 == pytest.approx(field.weight**2)
    for pair in DESIGN.pairs:
        p, q = effects.probabilities[pair.first], effects.probabilities[pair.second]
        matrix = effects.interactions[pair.first, pair.second]
        np.testing.assert_allclose(p @ matrix, 0, atol=1e-12)
        np.testing.assert_allclose(matrix @ q, 0, atol=1e-12)
        assert p @ matrix**2 @ q == pytest.approx(pair.weight**2)


def test_ranks_and_importance_follow_from_the_design():
    """By hand: variances 1 (u), 0 (n), 4 (v) and 5 for the pair (u, v) add up to 10."""
    design = Design(
        fields=(
            PlantedField("u", 9, 1.0, 1.0),
            PlantedField("n", 9, 1.0, 0.0),
            PlantedField("v", 9, 1.0, 2.0),
        ),
        pairs=(PlantedPair("u", "v", 3, 5**0.5),),
        bias=0.0,
    )
    assert [design.rank(name) for name in "unv"] == [3, 0, 3]
    assert [design.importance(name) for name in "unv"] == pytest.approx([0.6, 0.0, 0.9])
    assert dataclasses.replace(design, pairs=()).rank("u") == 1


@pytest.mark.parametrize("design", [DESIGN, TINY_DESIGN])
def test_a_rank_fits_both_fields_of_its_pair(design):
    """Centred vectors of k components that are orthonormal need more than k values."""
    values = {field.name: field.values for field in design.fields}
    for pair in design.pairs:
        assert pair.rank < min(values[pair.first], values[pair.second])


def test_truth_describes_every_field(planted):
    """It has a rank, an importance and a noise flag per field, and the pairs with their ranks."""
    truth = planted.truth
    assert list(truth["fields"]) == [field.name for field in planted.fields]
    ranks = {name: entry["rank"] for name, entry in truth["fields"].items()}
    for pair in truth["pairs"]:
        assert {ranks[name] for name in pair["fields"]} == {pair["rank"]}
    for entry in truth["fields"].values():
        assert entry["noise"] == (entry["rank"] == 0) == (entry["importance"] == 0)


def test_the_bayes_auc_is_that_of_all_pairs_of_rows(tiny):
    """Row i counts p_i as a positive, j counts 1 - p_j as a negative: the mean over all (i, j)."""
    for split in ("validation", "test"):
        p = tiny.probabilities[split].astype(np.float64)
        weights = np.outer(p, 1 - p)
        in_order = (p[:, None] > p[None, :]) + 0.5 * (p[:, None] == p[None, :])
        expected = (weights * in_order).sum() / weights.sum()
        assert tiny.truth["bayes_auc"][split] == pytest.approx(expected, abs=1e-6)


def test_the_bayes_logloss_is_the_mean_entropy_of_the_labels(tiny):
    """The true probability's expected cross-entropy is -p log p - (1 - p) log(1 - p)."""
    for split in SPLITS:
        p = tiny.probabilities[split].astype(np.float64)
        entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
        assert tiny.truth["bayes_logloss"][split] == pytest.approx(entropy.mean(), abs=1e-6)
