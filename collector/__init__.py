# SPDX-License-Identifier: EUPL-1.2
"""The collector: takes kits' readings over MQTT, keeps them safe, and answers questions about them."""

__version__ = "0.1.0"
