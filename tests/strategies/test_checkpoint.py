"""Saving without what is shared, and refusing what would not come back the same."""

import pytest
import torch
from avalanche.benchmarks.utils.flat_data import FlatData

from lifelong_lb.strategies import NotCarriedError, load_with, parts_of, save_apart
from lifelong_lb.streams.stream import labelled_dataset


def dataset():
    n = 5000
    return labelled_dataset(torch.arange(n * 64).reshape(n, 1, 8, 8), torch.arange(n) % 7, torch.zeros(n))


def test_a_subset_is_saved_as_indices(tmp_path):
    whole, like = dataset(), dataset()
    part = whole.subset([3, 4000, 17]).concat(whole.subset([9]))
    save_apart({"part": part, "rows": whole[17][0]}, tmp_path / "it", parts_of([whole]))
    assert (tmp_path / "it").stat().st_size < 5000
    found = load_with(tmp_path / "it", parts_of([like]))
    assert [int(found["part"][i][0][0, 0, 0]) // 64 for i in range(4)] == [3, 4000, 17, 9]
    assert list(found["part"].targets) == [3 % 7, 4000 % 7, 17 % 7, 9 % 7]
    # private: Avalanche's data sets do not show their parts
    assert found["rows"].untyped_storage().data_ptr() == like._flat_data._datasets[0].tensors[0].data_ptr()
    assert torch.equal(found["rows"], whole[17][0])
    labels = like.targets.data._datasets[0]
    assert found["part"].targets.data._datasets[0] is labels  # lists are shared, too


def test_tensors_go_on_sharing_memory(tmp_path):
    w = torch.zeros(4)
    save_apart([w, w[1:]], tmp_path / "it", [])
    first, second = load_with(tmp_path / "it", [])
    second[0] = 5
    assert first.tolist() == [0, 5, 0, 0]


class Holder:
    def __init__(self, held):
        self.held = held


@pytest.mark.parametrize("value", [lambda: None, (i for i in range(3))], ids=["function", "generator"])
def test_what_cannot_be_pickled_is_refused(value, tmp_path):
    with pytest.raises(NotCarriedError):
        save_apart(Holder(value), tmp_path / "it", [])


def test_a_set_in_another_order_is_refused(tmp_path):
    """5 and 37 fall on one place of 32, and the place of one that is there first depends on when the set has grown."""
    held = {0, 1, 2}
    held.add(37)
    held.add(5)
    assert list(held) != list(set(list(held)))  # noqa: C414  a copy of the set would keep the order
    with pytest.raises(NotCarriedError, match="the order of the set Holder.held would change"):
        save_apart(Holder(held), tmp_path / "it", [])
    save_apart(Holder(set(range(40))), tmp_path / "it", [])
    assert load_with(tmp_path / "it", []).held == set(range(40))


def test_what_was_saved_apart_needs_what_is_shared(tmp_path):
    data = FlatData([[1, 2, 3]])
    save_apart(data, tmp_path / "it", [data])
    with pytest.raises(NotCarriedError, match="load it with load_with"):
        torch.load(tmp_path / "it", weights_only=False)
