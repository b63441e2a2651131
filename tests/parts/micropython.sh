#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Fetches Debian trixie's MicroPython 1.25 for i386 with its libraries, unpacks it into the cache and prints the path of
# a wrapper that runs it. 32 bits, as the boards are: viper code and small integers behave as there. Changes nothing in
# the machine's apt; takes the mirror from the machine's own sources. The packages are those of micropython.sha256; when
# a point release of Debian has replaced one of them, apt says what is there now and checks the signatures. (The other
# order would be a third slower and fail whenever a mirror's index lags behind its release file.)

. "$(dirname "$0")/lib.sh"
version=1.25.0-1
pinned=$(realpath "$(dirname "$0")/micropython.sha256")

by_pins() {
    local sum path
    while read -r sum path; do
        [ "$sum" != "#" ] || continue
        curl -fsS --retry 3 -o "packages/${path##*/}" "$1/$path" || return 1
        echo "$sum  packages/${path##*/}" | sha256sum --check --quiet || return 1
    done <"$pinned"
}

by_apt() {
    local options
    rm -f packages/*.deb
    mkdir -p lists/partial cache/archives/partial
    echo "deb $1 trixie main" >sources.list
    options=(-o APT::Architecture=i386 -o APT::Architectures=i386 -o Dir::State::status=/dev/null
        -o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$PWD/lists"
        -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User="$(id -un)")
    apt-get "${options[@]}" update
    (cd packages && apt-get "${options[@]}" download micropython libc6 libffi8 libmbedcrypto16 libmbedtls21 libmbedx509-7)
    rm -r lists cache sources.list
}

build() {
    local mirror
    mkdir packages root
    mirror=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ {print $2; exit}')
    if [ -z "$mirror" ]; then
        mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            awk '/^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^http/) {print $i; exit}}')
    fi
    by_pins "$mirror" || by_apt "$mirror"
    for package in packages/*.deb; do dpkg -x "$package" root; done
    cat >micropython <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
lib=$here/root/usr/lib/i386-linux-gnu
exec "$lib/ld-linux.so.2" --library-path "$lib" "$here/root/usr/bin/micropython" "$@"
WRAPPER
    chmod +x micropython
    ./micropython -c 'import sys; assert sys.maxsize == 2147483647, sys.maxsize'
    rm -r packages
}

folder=$(part "micropython-$version" build)
echo "$folder/micropython"
