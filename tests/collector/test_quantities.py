# SPDX-License-Identifier: EUPL-1.2
"""The glossary keeps its own rules, and converts gases as the European directives do."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import quantities
from collector.quantities import NAME, QUANTITIES, UNIT_NAMES, Averaging, unit_factor

UNITS = {"ug/m3", "mg/m3", "ppm", "dB", "Cel", "%", "hPa", "1"}
GASES = [quantity for quantity in QUANTITIES.values() if quantity.molar_mass is not None]


def test_the_examples_in_the_glossary_run() -> None:
    found = doctest.testmod(quantities)
    assert found.attempted > 0
    assert found.failed == 0


def test_each_quantity_stands_in_the_glossary_once() -> None:
    names = [quantity.name for quantity in quantities._ALL]
    titles = [quantity.title for quantity in quantities._ALL]
    assert len(set(names)) == len(names) == len(QUANTITIES)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.name)
def test_an_entry_is_complete(quantity: quantities.Quantity) -> None:
    assert NAME.fullmatch(quantity.name)
    assert quantity.unit in UNITS
    assert quantity.low < quantity.high
    assert quantity.title[0].isupper()
    assert not quantity.title.endswith(".")
    assert unit_factor(quantity, quantity.unit) == 1


def test_levels_of_sound_are_averaged_by_their_energy() -> None:
    levels = {name: quantity.averaging for name, quantity in QUANTITIES.items() if quantity.unit == "dB"}
    assert levels["laeq"] is levels["lceq"] is Averaging.ENERGY_MEAN
    assert Averaging.MEAN not in levels.values()


# ug/m3 in one ppb at 20 °C and 1013 hPa: molar masses after IUPAC, ideal gas.
@pytest.mark.parametrize(
    ("gas", "factor"), [("no2", 1.9125), ("o3", 1.9954), ("no", 1.2474), ("so2", 2.6632), ("co", 0.0011644)]
)
def test_ppb_become_micrograms_as_in_the_directive(gas: str, factor: float) -> None:
    assert unit_factor(QUANTITIES[gas], "ppb") == pytest.approx(factor, rel=5e-5)


def test_only_gases_are_converted_from_ppb() -> None:
    assert {gas.name for gas in GASES} == {"no2", "o3", "no", "so2", "co"}
    for quantity in QUANTITIES.values():
        if quantity in GASES:
            assert unit_factor(quantity, "ppm") == pytest.approx(1000 * unit_factor(quantity, "ppb"))
        else:
            with pytest.raises(ValueError, match="ppb"):
                unit_factor(quantity, "ppb")
            with pytest.raises(ValueError, match=quantity.name):
                _ = quantity.ug_per_ppb


@given(st.sampled_from(sorted(QUANTITIES)), st.sampled_from(sorted(UNIT_NAMES)))
def test_a_factor_is_positive_or_refused(name: str, unit: str) -> None:
    try:
        factor = unit_factor(QUANTITIES[name], f" {unit.upper()} ")
    except ValueError as error:
        assert name in str(error)
    else:
        assert factor > 0


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("co", "ug/m3", 0.001),
        ("pm25", "mg/m3", 1000),
        ("pressure", "Pa", 0.01),
        ("pressure", "mbar", 1),
        ("temperature", "°C", 1),
        ("laeq", "dB(A)", 1),
    ],
)
def test_units_have_their_usual_spellings(name: str, unit: str, factor: float) -> None:
    assert unit_factor(QUANTITIES[name], unit) == factor


@pytest.mark.parametrize("unit", ["", "F", "ug", "kg/m3"])
def test_a_unit_that_nobody_knows_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="temperature is kept in Cel"):
        unit_factor(QUANTITIES["temperature"], unit)
