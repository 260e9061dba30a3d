"""The next item is prepared while this one is used."""

import threading

import pytest

from seformer.util.prefetch import ahead


def test_items_come_in_order():
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead([])) == []
    assert list(ahead([None, 0, False])) == [None, 0, False]


def test_the_next_is_made_meanwhile_and_none_beyond_it():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in ahead(items()):
        if number < 3:
            assert made[number + 1].wait(10)
        assert not any(event.is_set() for event in made[number + 2 :])


def test_an_error_comes_in_its_turn():
    def items():
        yield 1
        raise ValueError("the second")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="the second"):
        next(taken)
