#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Builds the real InfluxDB 2.9.1 server from its Go module (6 minutes on 2 cores with empty caches) and prints its path.
# Needs go, cargo, gcc and pkg-config. Its go.mod holds a `replace`, so `go install` refuses it: a wrapper module builds it.

. "$(dirname "$0")/lib.sh"
version=2.9.1

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

build() {
    cd "$work"
    go mod init influxd-build
    go get "github.com/influxdata/influxdb/v2@v$version"
    # InfluxData's pkg-config builds the Rust library libflux; it must come first in PATH.
    GOBIN=$work/bin go install github.com/influxdata/pkg-config@v0.3.0
    export PATH=$work/bin:$PATH CGO_ENABLED=1 RUSTFLAGS="--cap-lints warn"
    # Keeps rustup from fetching the toolchain that flux pins.
    if command -v rustup >/dev/null; then export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-stable}; fi
    go build -mod=mod -tags sqlite_foreign_keys,sqlite_json -o "$1/influxd" github.com/influxdata/influxdb/v2/cmd/influxd
}

folder=$(part "influxd-$version" build)
echo "$folder/influxd"
