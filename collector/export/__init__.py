# SPDX-License-Identifier: EUPL-1.2
"""Exports: series as files that describe themselves. Adding a format means adding a file of one shape, as table.py."""
