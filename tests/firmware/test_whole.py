# SPDX-License-Identifier: EUPL-1.2
"""The whole application lives its day in as much memory as docs/decisions/0013 says; the bars are in `make bench`."""

import pytest

from tests.firmware import whole


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kilobytes", "everything", "rom"),
    [(76, False, False), (92, True, False), (64, True, True)],
    ids=["first-kit", "everything", "everything-in-rom"],
)
def test_a_kit_with_all_comforts_lives_its_day_in_a_small_heap(kilobytes, everything, rom):
    status = whole.lives(kilobytes, 24, everything, rom)
    assert status is not None, "it ran out of memory"
    assert status["dropped"] == 0 and status["queued"] <= 2
    assert not [name for name in status["errors"] if name.endswith("restarts")]
    assert len(status["sensors"]) == (6 if everything else 2)


def test_a_heap_that_is_far_too_small_is_noticed():
    assert whole.lives(40, 0.1, False) is None


def test_the_code_that_always_stays_does_not_grow():
    assert whole.retained() < 43_000
    assert whole.retained(rom=True) < 24_000
