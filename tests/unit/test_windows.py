"""Windows cover every token once, evenly, within the limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seformer.sequence.windows import tile


def test_known_windows():
    windows = tile(np.array([10, 4, 5]), 4)
    assert windows.sequence.tolist() == [0, 0, 0, 1, 2, 2]
    assert windows.start.tolist() == [0, 3, 6, 0, 0, 2]
    assert windows.stop.tolist() == [3, 6, 10, 4, 2, 5]


def test_no_limit_is_one_window():
    windows = tile(np.array([7, 100_000]), None)
    assert windows.start.tolist() == [0, 0]
    assert windows.stop.tolist() == [7, 100_000]


def test_overlap_is_shared_by_neighbours():
    windows = tile(np.array([20]), 8, overlap=2)
    assert (windows.start[1:] == windows.stop[:-1] - 2).all()


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=20),
    st.integers(2, 512),
    st.data(),
)
def test_whole_and_within_the_limit(lengths, window, data):
    overlap = data.draw(st.integers(0, window - 1))
    windows = tile(np.array(lengths), window, overlap)
    assert (windows.stop - windows.start <= window).all()
    assert (windows.stop > windows.start).all()
    for sequence, length in enumerate(lengths):
        mine = windows.sequence == sequence
        seen = np.zeros(length, dtype=int)
        for start, stop in zip(windows.start[mine], windows.stop[mine], strict=True):
            seen[start:stop] += 1
        assert (seen >= 1).all()
        if overlap == 0:
            assert (seen == 1).all()
            sizes = (windows.stop - windows.start)[mine]
            assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("overlap", [-1, 8, 9])
def test_impossible_overlap(overlap):
    with pytest.raises(ValueError, match="overlap"):
        tile(np.array([20]), 8, overlap)
