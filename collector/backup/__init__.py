# SPDX-License-Identifier: EUPL-1.2
"""Backups of everything that a collector must not lose: one file out of a running one, and an empty folder filled.

`bundle.py` knows the file, `make.py` what goes in and in which order, `restore.py` what comes out. `citimeasure backup`
and `citimeasure restore` call them.
"""
