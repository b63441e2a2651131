# SPDX-License-Identifier: EUPL-1.2
"""Leave one out: how models do with a sensor, at a place or in a season that they have never seen.

Hours of several units come in, rows like those of `calibration.evaluation` go out, one set for each unit, site or
season that was left out. Called by `calibrate evaluate --leave-out`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from calibration.align import HOUR, Bools, Floats, Ints
from calibration.calibrate import training_of
from calibration.errors import BadInput, CalibrationError, TooLittleData
from calibration.evaluation import GAP, MIN_TEST_HOURS, NO_SENSOR, TRAIN_SHARE, Aim, Row, judged
from calibration.features import RAW
from calibration.models import MODELS, Training, check_suits
from calibration.sanity import check_sane, check_sides
from calibration.select import check_amount, choose

BY = ("unit", "site", "season")
SEASONS = ("winter", "spring", "summer", "autumn")  # of the northern hemisphere, from December on, in UTC
_NEEDED = {
    "unit": "Name the column of units with --unit.",
    "site": "Name the column of sites with --site.",
    "season": "Give hours of more than one season, or of these units alone that have them.",
}


@dataclass(frozen=True)
class Pool:
    """Hours of all units together, in order of time; arrays of one length (n,).

    Attributes
    ----------
    training : Training
        Every hour that has a reference and all features.
    unit, site, season : (n,) arrays of str
        Whose hours these are, where and when.
    usable : (n,) array of bool
        False where quality control keeps an hour out of the training; it is judged like all others.
    """

    training: Training
    unit: NDArray[np.object_]
    site: NDArray[np.object_]
    season: NDArray[np.object_]
    usable: Bools

    def group(self, by: str) -> NDArray[np.object_]:
        """The names of the group that each hour belongs to."""
        if by not in BY:
            raise BadInput(f"There is no way to leave out a {by!r}.", f"Leave out one of {', '.join(BY)}.")
        return np.asarray(getattr(self, by))


def season_of(t: Ints) -> NDArray[np.object_]:
    """The season of hours by their begin.

    >>> season_of(np.array([1767225600, 1774998000]))  # the ends of 2025 and of March 2026 in UTC
    array(['winter', 'spring'], dtype=object)
    """
    months = [datetime.fromtimestamp(int(end) - HOUR, UTC).month for end in t]
    return np.array([SEASONS[month % 12 // 3] for month in months], object)


def pool(
    hours: Mapping[str, tuple[Ints, Mapping[str, Floats], Floats]],
    site: Mapping[str, NDArray[np.object_]] | None = None,
    left_out: Mapping[str, Bools] | None = None,
) -> Pool:
    """Put units together.

    Parameters
    ----------
    hours : mapping of str to (t, sensor, reference)
        By unit, as for `calibration.fit`.
    site : mapping of str to (n,) arrays of str, optional
        By unit: where it hung in each of its hours.
    left_out : mapping of str to (n,) arrays of bool, optional
        By unit: hours that nothing should learn from.

    Raises
    ------
    BadInput
        If units have different inputs, or hours that no model should learn from (`calibration.sanity`).
    """
    check_sides({name: (t, sensor[RAW], reference) for name, (t, sensor, reference) in hours.items()})
    parts: list[Training] = []
    columns: dict[str, list[NDArray[np.object_]]] = {"unit": [], "site": []}
    usable: list[Bools] = []
    for name, (t, sensor, reference) in hours.items():
        check_sane(t, sensor, reference)
        part = training_of(t, sensor, reference)
        kept = np.isin(t, part.t)
        parts.append(part)
        columns["unit"].append(np.full(len(part.t), name, object))
        columns["site"].append(np.full(len(part.t), "", object) if site is None else site[name][kept])
        usable.append(np.ones(len(part.t), bool) if left_out is None else ~left_out[name][kept])
    names = tuple(parts[0].features)
    if any(tuple(part.features) != names for part in parts):
        raise BadInput("Units have different inputs.", "Give the columns that all of them have.")
    t = np.concatenate([part.t for part in parts])
    order = np.argsort(t, kind="stable")
    features = {name: np.concatenate([part.features[name] for part in parts])[order] for name in names}
    together = Training(t[order], features, np.concatenate([part.y for part in parts])[order])
    return Pool(
        training=together,
        unit=np.concatenate(columns["unit"])[order],
        site=np.concatenate(columns["site"])[order],
        season=season_of(together.t),
        usable=np.concatenate(usable)[order],
    )


def splits(pooled: Pool, by: str) -> Iterator[tuple[str, Bools, Bools]]:
    """Name of the group that is left out, hours to learn from, hours to judge on.

    Notes
    -----
    A unit or site is judged on the last 40 % of its time by what all others teach; a season of a unit by what that unit
    shows in other seasons. Whatever the group, no hour to learn from lies within a day of one to judge on: the
    reference of the same hour, beside another unit, would give the answer away.
    """
    group, t = pooled.group(by), pooled.training.t
    everywhere = np.ones(len(t), bool)
    kinds = [(name, pooled.unit == name) for name in sorted(set(pooled.unit))] if by == "season" else [("", everywhere)]
    for owner, own in kinds:
        names = [name for name in (SEASONS if by == "season" else sorted(set(group))) if (own & (group == name)).any()]
        if len(names) < 2:
            of = f"{owner} has" if owner else "There is"
            raise TooLittleData(
                f"{of} one {by} only ({names[0] or 'without a name'}); to leave one out takes two.", _NEEDED[by]
            )
        for name in names:
            test = own & (group == name)
            if by != "season":
                first, last = t[test][[0, -1]]
                test &= t > first + TRAIN_SHARE * (last - first)
            nearest = _distance(t, np.unique(t[test]))
            train = own & (group != name) & (nearest > GAP) & pooled.usable
            yield f"{owner} {name}".strip(), train, test


def _distance(t: Ints, moments: Ints) -> Ints:
    """From each hour to the nearest of rising moments [s]."""
    place = np.searchsorted(moments, t)
    after = np.abs(moments[np.minimum(place, len(moments) - 1)] - t)
    before = np.abs(moments[np.maximum(place - 1, 0)] - t)
    return np.asarray(np.minimum(after, before))


def leave_out(pooled: Pool, by: str, aim: Aim, models: Sequence[str] = tuple(MODELS)) -> list[Row]:
    """Rows of every group left out in turn: raw, no sensor, and each model fitted on the others.

    Parameters
    ----------
    pooled : Pool
    by : "unit", "site" or "season"
    aim : Aim
    models : sequence of str
        Names of `calibration.models.MODELS`, by default all.

    Returns
    -------
    list of Row
        `unit` is the group that was left out. The model marked as chosen was so within the hours to learn from.

    Raises
    ------
    TooLittleData
        If there is one group only.
    """
    rows: list[Row] = []
    for name, train, test in splits(pooled, by):
        learn, judge = pooled.training.rows(train), pooled.training.rows(test)
        try:
            check_amount(learn)
            if len(judge.t) < MIN_TEST_HOURS:
                raise TooLittleData(f"{len(judge.t)} hours are too few to judge on; {MIN_TEST_HOURS} are needed.")
            best = choose(learn).name
        except CalibrationError as error:
            rows.append(Row(name, "", refused=str(error)))
            continue
        # Days of several units together are not the days of a limit value.
        where = aim if len(set(pooled.unit[test])) == 1 else replace(aim, limit_value=None)
        plain = judged(Row(name, RAW), judge.t, judge.features[RAW], judge.y, where, None)
        rows.append(plain if aim.raw_comparable else Row(name, RAW, n=plain.n, r2=plain.r2))
        constant = np.full(len(judge.t), float(learn.y.mean()))
        rows.append(judged(Row(name, NO_SENSOR), judge.t, constant, judge.y, where, None))
        for model in dict.fromkeys([*models, best]):
            rows.append(_fitted(Row(name, model, model == best), learn, judge, where))
    return rows


def _fitted(row: Row, learn: Training, judge: Training, aim: Aim) -> Row:
    model = MODELS[row.model]
    try:
        check_suits(model, tuple(learn.features), aim.quantity)
        wanted = model.wanted(tuple(learn.features))
        found = model.fit(learn.only(wanted)).apply(judge.only(wanted).features)
    except CalibrationError as error:
        return replace(row, refused=str(error))
    found_row = judged(row, judge.t, found.value, judge.y, aim, None)
    return replace(found_row, outside=float((found.outside > 0).mean()))
