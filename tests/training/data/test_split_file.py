from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.data.data_builders import everyone_likes, make_dataset
from training.data.split import Protocol, Split, split_dataset
from training.data.split_file import load_split, save_split
from training.errors import DataError


@pytest.fixture
def split() -> Split:
    rows = [(f"é{u}", i, r) for u, i, r in everyone_likes(20, 8, rating=4.0)]
    return split_dataset(make_dataset(rows), Protocol(n_heldout=3, target_share=0.25))


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_saved_split_is_loaded_the_same(tmp_path, split):
    path = tmp_path / "split.npz"
    save_split(split, path)

    again = load_split(path)

    assert (again.item_ids, again.train_users, again.protocol) == (split.item_ids, split.train_users, split.protocol)
    assert again.fingerprint == split.fingerprint
    for mine, theirs in ((again.validation, split.validation), (again.test, split.test)):
        assert mine.users == theirs.users
        assert (mine.fold_in != theirs.fold_in).nnz == 0
        assert (mine.target != theirs.target).nnz == 0
    assert again.train.dtype == np.float32
    assert [p.name for p in tmp_path.iterdir()] == ["split.npz"]


def test_saving_twice_gives_the_same_bytes(tmp_path, split):
    save_split(split, tmp_path / "a.npz")
    save_split(split, tmp_path / "b.npz")

    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train_indices", np.zeros(0, dtype=np.int32), "cannot be read as a split"),
        ("train_shape", np.array([3, 8]), "not of shape"),
        ("item_id", np.array(["a"]), "not of shape"),
        ("format", np.int64(9), "format 9"),
        ("fingerprint", np.str_("0" * 64), "fingerprint does not agree"),
        ("protocol", np.str_('{"colour": 1}'), "cannot be read as a split"),
        ("val_te_indptr", None, "cannot be read as a split"),
        ("item_id", np.array([{}], dtype=object), "cannot be read as a split"),
    ],
)
def test_damaged_split_is_refused(tmp_path, split, key, value, said):
    path = tmp_path / "split.npz"
    save_split(split, path)
    arrays = arrays_of(path)
    if value is None:
        del arrays[key]
    else:
        arrays[key] = value
    np.savez(path, **arrays)

    with pytest.raises(DataError, match=said):
        load_split(path)


def test_moved_interaction_is_noticed_by_the_fingerprint(tmp_path, split):
    path = tmp_path / "split.npz"
    save_split(split, path)
    arrays = arrays_of(path)
    row = slice(*arrays["test_te_indptr"][:2])
    taken = set(arrays["test_te_indices"][row].tolist())
    arrays["test_te_indices"][row.start] = next(ix for ix in range(8) if ix not in taken)
    np.savez(path, **arrays)

    with pytest.raises(DataError, match="fingerprint"):
        load_split(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x93NUMPY"])
def test_file_that_is_no_split_is_refused(tmp_path, content):
    path = tmp_path / "split.npz"
    path.write_bytes(content)

    with pytest.raises(DataError, match="cannot be read as a split"):
        load_split(path)


def test_reference_form_with_numeric_ids_is_loaded(tmp_path, split):
    path = tmp_path / "reference.npz"
    save_split(split, path)
    arrays = arrays_of(path)
    for name in ("format", "protocol", "fingerprint"):
        del arrays[name]
    arrays["item_movie_id"] = arrays.pop("item_id").astype(np.int64)
    arrays["train_user_id"] = np.arange(len(split.train_users))
    np.savez(path, **arrays)

    again = load_split(path)

    assert again.item_ids == split.item_ids
    assert again.train_users[:2] == ("0", "1")
    assert again.fingerprint == split.fingerprint  # it does not cover the names of users
