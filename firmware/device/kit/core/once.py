# SPDX-License-Identifier: EUPL-1.2
"""Modules that are needed now and then, and whose memory is wanted in between."""

import gc
import sys


def forget(name):
    """Lets go of a module; it is read from flash again when somebody imports it."""
    package, _, short = name.rpartition(".")
    if name in sys.modules:
        del sys.modules[name]
        try:
            delattr(sys.modules[package], short)
        except (AttributeError, KeyError):
            pass  # nobody has it by that way
    gc.collect()
