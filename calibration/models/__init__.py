# SPDX-License-Identifier: EUPL-1.2
"""The table of models. Adding one means adding a file of the same shape and a line here.

Names come in (of a command, or of a record), classes and fitted models go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibration.errors import BadInput, BadRecord
from calibration.models.barkjohn import Barkjohn2021, Barkjohn2021Extended
from calibration.models.base import Envelope, Estimate, Fitted, Prediction, Training
from calibration.models.blend import GuardedBlend
from calibration.models.electrochemical import Electrochemical
from calibration.models.koehler import KoehlerLinear
from calibration.models.line import HuberLine
from calibration.models.ratio import Ratio
from calibration.models.ridge import MultipleLinear, RidgeInteractions, RidgeLinear

_ALL: tuple[type[Fitted], ...] = (
    Ratio,
    HuberLine,
    MultipleLinear,
    RidgeLinear,
    RidgeInteractions,
    KoehlerLinear,
    Electrochemical,
    Barkjohn2021,
    Barkjohn2021Extended,
    GuardedBlend,
)
MODELS: dict[str, type[Fitted]] = {model.name: model for model in _ALL}

__all__ = [
    "MODELS",
    "Envelope",
    "Estimate",
    "Fitted",
    "Prediction",
    "Training",
    "check_suits",
    "model_from_json",
    "model_named",
    "suiting",
]


def model_named(name: str) -> type[Fitted]:
    """The class of a model."""
    if name not in MODELS:
        raise BadInput(f"There is no model {name!r}.", f"Choose one of: auto, {', '.join(MODELS)}.")
    return MODELS[name]


def suiting(features: tuple[str, ...], quantity: str | None = None) -> tuple[str, ...]:
    """Names of the models that can be fitted with these features, and are not made for another quantity."""
    return tuple(
        name for name, model in MODELS.items() if model.lacks(features) is None and model.quantity in (None, quantity)
    )


def check_suits(model: type[Fitted], features: tuple[str, ...], quantity: str | None = None) -> None:
    """Refuse a model that lacks an input, or is made for another quantity.

    Raises
    ------
    BadInput
        With what is missing.
    """
    missing = model.lacks(features)
    if missing is not None:
        raise BadInput(
            f"The model {model.name} needs {missing}.", f"Give it, or choose of: {', '.join(suiting(features))}."
        )
    if quantity is not None and model.quantity not in (None, quantity):
        raise BadInput(
            f"The model {model.name} is a published correction for {model.quantity}, not for {quantity}.",
            f"Choose of: {', '.join(suiting(features, quantity))}.",
        )


def model_from_json(data: Mapping[str, Any]) -> Fitted:
    """A fitted model from what its `to_json` gave."""
    name = data.get("name")
    if name not in MODELS:
        raise BadRecord(f"This record uses the model {name!r}, which this version lacks.", "Update citimeasure.")
    return MODELS[str(name)].from_json(data)
