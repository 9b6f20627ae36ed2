"""A split holds what its protocol claims, for any table of clips, and a leak fails loudly."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.datasets.splits import PROTOCOLS, STRATUM_EDGES_PERCENT, Split, assert_no_leak, make_split
from tast.errors import BadInput, TastError

BY_SUBJECT = [name for name, protocol in PROTOCOLS.items() if protocol.unit == "subject_id"]


def clips_of(n_subjects: int, clips_each: int = 4, dataset: str = "pure", percent: list[float] | None = None) -> pd.DataFrame:
    """Windows of 8 s every 2 s, two records a subject; subject k has mean SpO2 percent[k]."""
    rows = []
    for subject in range(n_subjects):
        for clip in range(clips_each):
            record_id = f"{subject:02}-{clip % 2:02}"
            rows.append({
                "clip_id": f"{dataset}/{record_id}_{clip:03}", "dataset": dataset,
                "subject_id": f"{subject:02}", "record_id": record_id,
                "start_s": 2.0 * (clip // 2), "n_frames": 120, "fps_hz": 15.0,
                "spo2_percent": [np.nan, percent[subject] if percent else 97.0],
            })  # fmt: skip
    return pd.DataFrame(rows)


def subjects_in(split: Split, clips: pd.DataFrame, part: str) -> set[str]:
    return set(clips.loc[clips["clip_id"].isin(split.parts[part]), "subject_id"])


def folds_of(clips: pd.DataFrame, *, folds: int, seed: int, stratify: bool = False) -> dict[str, int]:
    """subject_id -> the fold that tests it."""
    return {
        subject: fold
        for fold in range(folds)
        for subject in subjects_in(
            make_split(clips, protocol="subject_independent", seed=seed, folds=folds, fold=fold, stratify=stratify), clips, "test"
        )
    }


@given(
    n_subjects=st.integers(4, 23), folds=st.integers(2, 4), seed=st.integers(0, 2**31), val_fraction=st.floats(0.05, 0.9),
    stratify=st.booleans(), protocol=st.sampled_from(["subject_independent", "clip_random", "leave_one_subject_out"]),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_every_fold_of_every_table_partitions_the_clips(n_subjects, folds, seed, val_fraction, stratify, protocol):
    clips = clips_of(n_subjects, percent=[80.0 + k for k in range(n_subjects)])
    n_folds = n_subjects if protocol == "leave_one_subject_out" else folds
    tested: list[str] = []
    for fold in range(n_folds):
        split = make_split(
            clips, protocol=protocol, seed=seed, folds=folds, fold=fold, val_fraction=val_fraction, stratify=stratify
        )  # fmt: skip
        assert sorted(split.train + split.val + split.test) == sorted(clips["clip_id"])
        if protocol != "clip_random":
            for a, b in combinations(split.parts, 2):
                assert not subjects_in(split, clips, a) & subjects_in(split, clips, b)
        tested += split.test
    assert sorted(tested) == sorted(clips["clip_id"])  # each clip is tested exactly once


@given(n_subjects=st.integers(4, 30), folds=st.integers(2, 4), seed=st.integers(0, 1000), stratify=st.booleans())
@settings(max_examples=20, deadline=None)
def test_folds_differ_by_one_subject_at_most(n_subjects, folds, seed, stratify):
    clips = clips_of(n_subjects, clips_each=2)
    splits = [
        make_split(clips, protocol="subject_independent", seed=seed, folds=folds, fold=k, stratify=stratify) for k in range(folds)
    ]
    sizes = [len(subjects_in(split, clips, "test")) for split in splits]
    assert max(sizes) - min(sizes) <= 1 and sum(sizes) == n_subjects


@given(
    percent=st.lists(st.floats(70, 100), min_size=5, max_size=40), folds=st.integers(2, 5), seed=st.integers(0, 1000),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_each_fold_takes_its_share_of_each_band(percent, folds, seed):
    """No fold is empty, and of n people in a band each fold has n / folds, give or take fewer than two."""
    clips = clips_of(len(percent), clips_each=1, percent=percent)
    number = folds_of(clips, folds=folds, seed=seed, stratify=True)
    sizes = np.bincount(list(number.values()), minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    band = {f"{k:02}": int(np.searchsorted(STRATUM_EDGES_PERCENT, mean, side="right")) for k, mean in enumerate(percent)}
    for stratum in set(band.values()):
        members = [number[subject] for subject in number if band[subject] == stratum]
        assert np.abs(np.bincount(members, minlength=folds) - len(members) / folds).max() < 2


def test_stratified_folds_are_more_alike_than_others():
    """24 people from 76 to 99 %, 3 folds: the spread of the folds' means, over 20 seeds, in points of SpO2."""
    percent = [76.0 + k for k in range(24)]
    clips = clips_of(24, clips_each=1, percent=percent)
    spread = {}
    for stratify in (False, True):
        numbers = [folds_of(clips, folds=3, seed=seed, stratify=stratify) for seed in range(20)]
        means = [[np.mean([percent[int(s)] for s in number if number[s] == fold]) for fold in range(3)] for number in numbers]
        spread[stratify] = np.mean(np.std(means, axis=1))
    assert spread[True] < 0.75 * spread[False]


@given(
    n_subjects=st.integers(6, 40), folds=st.integers(2, 5), seed=st.integers(0, 10_000), newcomer=st.text("abcxyz", min_size=1)
)
@settings(max_examples=20, deadline=None)
def test_a_newcomer_moves_one_person_across_each_cut_at_most(n_subjects, folds, seed, newcomer):
    """And nobody by more than one fold; the people of the first fold go on being tested, but for one at most."""
    clips = clips_of(n_subjects, clips_each=1)
    one_more = pd.concat([clips, clips.iloc[:1].assign(subject_id=newcomer, record_id=newcomer, clip_id=newcomer)])
    before, after = (folds_of(table, folds=folds, seed=seed) for table in (clips, one_more))
    steps = [abs(before[subject] - after[subject]) for subject in before]
    assert max(steps) <= 1 and sum(steps) <= folds - 1
    tested_before, tested_after = ({subject for subject, number in one.items() if number == 0} for one in (before, after))
    assert len(tested_before - tested_after) <= 1


def test_a_48th_and_a_49th_person_bring_hardly_anybody_from_training_into_the_test():
    """30 seeds, 5 folds alike in SpO2: who is not tested any more, who was trained on before, who validates anew."""
    left, trained_on, validates_anew = [], [], []
    for seed in range(30):
        percent = list(np.random.default_rng(seed).uniform(78, 98, 49))
        tables = [clips_of(n, clips_each=1, percent=percent) for n in (47, 48, 49)]
        splits = [make_split(table, protocol="subject_independent", seed=seed, stratify=True) for table in tables]
        for before, after in pairwise(splits):
            left.append(len({*before.test} - {*after.test}))
            trained_on.append(len({*before.train, *before.val} & {*after.test}))
            validates_anew.append(len({*after.val} - {*before.val}))
    assert np.mean(left) < 0.5 and max(left) <= 2
    assert np.mean(trained_on) < 0.25 and max(trained_on) <= 2
    assert np.mean(validates_anew) < 1.5


def test_the_same_people_validate_a_tested_one_when_another_comes():
    """Of leave_one_subject_out: a newcomer that is first by name shifts every number, and changes no choice."""
    clips = clips_of(12, clips_each=1)
    first = clips.iloc[:1].assign(subject_id=" first", record_id="first", clip_id="first")
    before = make_split(clips, protocol="leave_one_subject_out", seed=0, fold=3)
    after = make_split(pd.concat([clips, first]), protocol="leave_one_subject_out", seed=0, fold=4)
    assert before.test == after.test
    assert len({*before.val} - {*after.val}) <= 1


def test_validation_takes_its_share():
    clips = clips_of(10)
    split = make_split(clips, protocol="subject_independent", seed=0, folds=5, fold=2, val_fraction=0.25)
    assert [len(subjects_in(split, clips, part)) for part in ("train", "val", "test")] == [6, 2, 2]


def test_a_split_depends_on_its_seed_only_not_on_the_order_of_rows():
    clips = clips_of(12)
    a = make_split(clips, protocol="subject_independent", seed=1)
    shuffled = clips.sample(frac=1, random_state=0).set_index("clip_id", drop=False)
    assert make_split(shuffled, protocol="subject_independent", seed=1) == a
    assert make_split(clips, protocol="subject_independent", seed=2) != a


def test_a_known_split_stays_as_it_is():
    """Golden: another version of a library must not deal other subjects."""
    clips = clips_of(6, clips_each=2)
    split = make_split(clips, protocol="subject_independent", seed=0, folds=3, fold=0)
    assert {part: sorted(subjects_in(split, clips, part)) for part in split.parts} == {
        "train": ["02", "04", "05"], "val": ["01"], "test": ["00", "03"],
    }  # fmt: skip


def test_clip_random_mixes_subjects_and_is_named_optimistic(caplog):
    clips = clips_of(10)
    split = make_split(clips, protocol="clip_random", seed=0)
    assert split.is_optimistic and "optimistic" in caplog.text
    assert subjects_in(split, clips, "test") & subjects_in(split, clips, "train")
    assert not make_split(clips, protocol="subject_independent", seed=0).is_optimistic


def test_leave_one_subject_out_tests_the_subject_of_that_number():
    clips = clips_of(5)
    assert subjects_in(make_split(clips, protocol="leave_one_subject_out", seed=0, fold=3), clips, "test") == {"03"}
    with pytest.raises(TastError, match="fold 5 is empty"):
        make_split(clips, protocol="leave_one_subject_out", seed=0, fold=5)


def test_official_folds_are_taken_as_they_are(caplog):
    clips = clips_of(7)
    folds = [("00", "01"), ("02", "03"), ("04", "05")]
    split = make_split(clips, protocol="official", seed=0, fold=1, official_folds=folds)
    assert subjects_in(split, clips, "test") == {"02", "03"}
    assert len(subjects_in(split, clips, "train") | subjects_in(split, clips, "val")) == 4
    assert "left out: 06" in caplog.text
    with pytest.raises(TastError, match="own folds"):
        make_split(clips, protocol="official", seed=0)


def test_cross_dataset_tests_on_the_other_one():
    clips = pd.concat([clips_of(4, dataset="pure"), clips_of(3, dataset="vipl_hr")], ignore_index=True)
    split = make_split(clips, protocol="cross_dataset", seed=0, fold=1)
    assert all(clip_id.startswith("vipl_hr/") for clip_id in split.test) and len(split.test) == 12
    assert all(clip_id.startswith("pure/") for clip_id in split.train + split.val)
    with pytest.raises(TastError, match="two data sets"):
        make_split(clips_of(4), protocol="cross_dataset", seed=0)


def test_subjects_of_one_name_in_two_data_sets_are_two_subjects():
    clips = pd.concat([clips_of(3, dataset="pure"), clips_of(3, dataset="vipl_hr")], ignore_index=True)
    split = make_split(clips, protocol="subject_independent", seed=0, folds=6)
    assert len(split.test) == 4 and len({clip_id.split("/")[0] for clip_id in split.test}) == 1


@pytest.mark.parametrize("protocol", BY_SUBJECT)
def test_moving_one_clip_across_is_a_leak(protocol):
    clips = clips_of(6)
    honest = make_split(clips, protocol="subject_independent", seed=0, folds=3)
    leaky = Split(protocol, honest.train[1:], honest.val, tuple(sorted((*honest.test, honest.train[0]))))
    with pytest.raises(TastError, match="leak: subject"):
        assert_no_leak(leaky, clips)


def test_overlapping_windows_are_a_leak_even_under_another_subject():
    """One recording entered under two subject ids: the subjects are apart, its overlapping windows are not."""
    clips = clips_of(3, clips_each=1)
    split = Split("subject_independent", *((clip_id,) for clip_id in clips["clip_id"]))
    assert_no_leak(split, clips)
    with pytest.raises(TastError, match="leak: recording pure/x"):
        assert_no_leak(split, clips.assign(record_id="x"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: Split(s.protocol, s.train, s.val, s.test + s.train[:1]), "a clip is in two parts"),
        (lambda s: Split(s.protocol, (*s.train, "unknown"), s.val, s.test), "clips that the table lacks: unknown"),
        (lambda s: Split(s.protocol, s.train, (), s.test), "the val part is empty"),
    ],
)
def test_broken_splits_fail_loudly(change, message):
    clips = clips_of(6)
    with pytest.raises(TastError, match=message):
        assert_no_leak(change(make_split(clips, protocol="clip_random", seed=0)), clips)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "subject_idependent"}, "known: subject_independent, clip_random"),
        ({"protocol": "subject_independent", "folds": 9}, r"split.folds \(9\) is more than there are to deal \(4\)"),
        ({"protocol": "leave_one_subject_out", "fold": 4}, "fold 4 is empty"),
    ],
)
def test_impossible_requests_are_named(options, message):
    with pytest.raises(TastError, match=message):
        make_split(clips_of(4), seed=0, **options)


def test_too_few_subjects_to_validate():
    with pytest.raises(TastError, match="too few to train and to validate"):
        make_split(clips_of(2), protocol="subject_independent", seed=0, folds=2)


def test_json_round_trip_is_exact_and_guarded(tmp_path):
    split = make_split(clips_of(6), protocol="subject_independent", seed=0, folds=3)
    path, again = tmp_path / "split.json", tmp_path / "again.json"
    split.to_json(path)
    assert Split.from_json(path) == split
    Split.from_json(path).to_json(again)
    assert again.read_bytes() == path.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.json", "split.json"]
    path.write_text(path.read_text().replace(split.test[0], split.train[0]))
    with pytest.raises(BadInput, match="digest does not match"):
        Split.from_json(path)
    path.write_text("{")
    with pytest.raises(BadInput, match="not JSON"):
        Split.from_json(path)
    with pytest.raises(BadInput, match="no such file"):
        Split.from_json(tmp_path / "none.json")


def filmed_by(n_subjects: int, n_cameras: int, *, both: bool = False) -> pd.DataFrame:
    """People take turns in front of cameras; both: their second record by the next one."""
    clips = clips_of(n_subjects)
    subject, record = clips["subject_id"].astype(int), clips["record_id"].str[-2:].astype(int)
    return clips.assign(camera=[f"world-{(s + (r if both else 0)) % n_cameras:02}" for s, r in zip(subject, record, strict=True)])


@pytest.mark.parametrize("both", [False, True])
def test_worlds_left_out_share_neither_camera_nor_people_with_training(both):
    clips = filmed_by(24, 8, both=both)
    tested: set[str] = set()
    for fold in range(4):
        split = make_split(clips, protocol="leave_worlds_out", seed=1, folds=4, fold=fold)
        for what in ("camera", "subject_id"):
            sets = [set(clips.loc[clips["clip_id"].isin(split.parts[part]), what]) for part in ("train", "val", "test")]
            assert all(not one & other for one, other in combinations(sets, 2)), what
        cameras = set(clips.loc[clips["clip_id"].isin(split.test), "camera"])
        assert len(cameras) == 2 and not cameras & tested
        assert set(split.test) == set(clips.loc[clips["camera"].isin(cameras), "clip_id"])
        tested |= cameras
    assert len(tested) == 8


def test_worlds_need_names_and_a_leak_between_them_is_told():
    clips = filmed_by(24, 8)
    with pytest.raises(TastError, match=r"needs the camera of each recording, which 00-00, 00-01 lacks"):
        make_split(
            clips.assign(camera=clips["camera"].where(clips["subject_id"] != "00", "")), protocol="leave_worlds_out", seed=0
        )
    split = make_split(clips, protocol="leave_worlds_out", seed=0)
    with pytest.raises(TastError, match=r"leak: camera pure/world-\d\d is in more than one part of a leave_worlds_out split"):
        assert_no_leak(split, clips.assign(camera="world-00"))
