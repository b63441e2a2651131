# SPDX-License-Identifier: EUPL-1.2
"""Pins of the first kit: an ESP32-S3-DevKitC-1 v1.1 with the parts of hardware/kit-1.

Numbers are GPIO numbers, as printed on the board. The wiring table of the hardware folder is tested against this file.
Not to be used: 0, 3, 45, 46 (read at reset), 26 to 37 (flash and octal PSRAM), 19, 20 (USB), 43, 44 (serial console).
"""

NAME = "kit-1"  # as in the manifest of a release

I2C_SDA = 8
I2C_SCL = 9

# The serial line for a dust sensor of that kind: TX goes to the sensor's RX. Kit 1 has none; both pins are free there.
UART_TX = 17
UART_RX = 18

# The microphone; clocks out, data in.
I2S_SCK = 4
I2S_WS = 5
I2S_SD = 6

# On the board itself: an addressable RGB LED (v1.0 of the board has it on 48), and the button "Boot".
LED = 38
BUTTON = 0
