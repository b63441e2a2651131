#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Fetches the real Improv SDK for serial ports from npm, the one that browsers use, and prints its folder. Needs npm.
# Only the package itself: what it depends on is for its dialogs.

. "$(dirname "$0")/lib.sh"
version=2.8.1
integrity=KU2D7bNbdUDUX0JK2nQGTGTuxJNH+loXyMR6DXBIzAh4/2dwiR2cxK0igvl+dLWjf4wRv43iUn/eQuUClw5V3g==

build() {
    npm pack --silent "improv-wifi-serial-sdk@$version"
    [ "$(openssl dgst -sha512 -binary improv-wifi-serial-sdk-$version.tgz | base64 -w0)" = "$integrity" ]
    tar xzf "improv-wifi-serial-sdk-$version.tgz" --strip-components=1
    rm "improv-wifi-serial-sdk-$version.tgz"
}

part "improv-sdk-$version" build
