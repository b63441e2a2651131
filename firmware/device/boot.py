# SPDX-License-Identifier: EUPL-1.2
"""Runs first after a reset. The application starts in main.py; nothing here may fail."""
