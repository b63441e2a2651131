# SPDX-License-Identifier: EUPL-1.2
"""A network of sensors without co-location, calibrated through the official stations around it."""
