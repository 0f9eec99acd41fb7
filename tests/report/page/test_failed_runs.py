"""A report of runs that all failed, somewhere or everywhere, says what there is and ends well."""

import dataclasses

import pytest

from aesbench.report.evidence import gather
from aesbench.report.page.build import build_exhibits
from aesbench.report.page.write import write_report

TRUTH = {
    "truth": {
        "bayes_auc": {"test": 0.9},
        "fields": {
            "user": {"rank": 8, "importance": 0.9, "noise": False},
            "item": {"rank": 0, "importance": 0.1, "noise": True},
        },
    }
}
WEIGHTS = [{"lambda_r": weight, "lambda_c": 0.08} for weight in (0.0, 0.1, 0.2)]


@pytest.fixture
def everything(make_record):
    """Runs that every exhibit is made of, each with two seeds, at one place."""
    labels = ["ues:32", "ues:16", "mde:value", "autodim", "adass:r", "adass:e", "fixed:2-8"]
    budgeted = [("sseds@0.5", 1920), ("random@0.5", 1920), ("adass:r@0.5", 1920)]
    variants = [{"groups": 1}, {"entropy": 0.0}, {"sandwich": True}]

    def made(**place):
        records = []
        for seed in range(2):
            known = {"datasheet": TRUTH, "true_auc": 0.85, **place}
            records += [make_record(label, seed, dims=(16, 8), **known) for label in labels]
            records += [make_record(label, seed, budget=n, **known) for label, n in budgeted]
            records += [
                make_record(
                    f"adass:r[steps={number}]", seed, method="adass", method_config=own, **known
                )
                for number, own in enumerate([*WEIGHTS, {}, *variants])
            ]
            searches = [{"search_index": index, "retrain": False} for index in range(2)]
            records += [
                make_record("adass:e+search-only", seed, **one, **known) for one in searches
            ]
            scored = make_record("adass+2-scores", seed, retrain=False, scores=2, **known)
            scores = {name: {"auc": 0.7, "logloss": 0.5} for name in ("2-8", "8-2")}
            records.append(dataclasses.replace(scored, scores=scores, allocation=None))
        return records

    return made


def broken(records):
    """The same runs, all of which failed."""
    error = {"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""}
    nothing = {"metrics": {}, "allocation": None, "parameters": {}, "flops": None, "scores": {}}
    return [
        dataclasses.replace(
            record, status="failed", error=error, seconds={"prepare": 1.0}, **nothing
        )
        for record in records
    ]


def texts_of(records):
    """Every finding, caption and alternative text of the exhibits of some records."""
    for exhibit in build_exhibits(gather(records)):
        yield from exhibit.findings
        yield from (table.caption for table in exhibit.tables)
        for figure in exhibit.figures:
            yield from (figure.caption, figure.alternative)


def is_broken(text):
    """Whether a sentence lacks what it speaks of."""
    return "nan" in text.split() or "None" in text or "  " in text or ": ." in text


@pytest.mark.parametrize("elsewhere", [{"backbone": "deepfm"}, {"dataset": "other"}, None])
def test_a_place_where_everything_failed_ends_no_report(everything, elsewhere, tmp_path):
    """Nor does a report of nothing else; the other backbone and data set keep their exhibits."""
    records = broken(everything())
    if elsewhere is not None:
        records += everything(**elsewhere)
    assert (write_report(tmp_path, gather(records))[-1]).is_file()
    assert not any(is_broken(text) for text in texts_of(records))


@pytest.mark.parametrize("label", ["ues:32", "adass:r", "autodim", "random@0.5"])
def test_any_method_may_have_failed_or_be_the_only_one(everything, label):
    """Whoever is missing, the sentences about the others stand."""
    records = everything()
    own = [record for record in records if record.spec.label == label]
    rest = [record for record in records if record.spec.label != label]
    for some in ([*rest, *broken(own)], [*broken(rest), *own]):
        assert not any(is_broken(text) for text in texts_of(some))
