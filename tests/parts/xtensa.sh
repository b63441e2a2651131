#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Fetches Debian's disassembler for Xtensa processors, unpacks it into the cache and prints its path. Nothing is
# installed. It is made for the ESP8266's processor, whose instructions the ESP32's has too, with few others beside.

. "$(dirname "$0")/lib.sh"
version=2.40

build() {
    local options=(-o APT::Sandbox::User="$(id -un)")
    mkdir root
    apt-get "${options[@]}" download binutils-xtensa-lx106 || {
        if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
        apt-get "${options[@]}" download binutils-xtensa-lx106
    }
    for package in *.deb; do dpkg -x "$package" root; done
    rm ./*.deb
    root/usr/bin/xtensa-lx106-elf-objdump --version | grep -q objdump
}

folder=$(part "xtensa-$version" build)
echo "$folder/root/usr/bin/xtensa-lx106-elf-objdump"
