# SPDX-License-Identifier: EUPL-1.2
"""`python -m collector.cli` is the same as `citimeasure`."""

from collector.cli import main

main()
