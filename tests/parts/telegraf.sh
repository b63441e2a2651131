#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Builds the real Telegraf 1.37.2 from its Go module (a minute on 2 cores) and prints its path. Needs go. Only `make
# bench` runs it. The tag `custom` leaves out every plugin that is not named.

. "$(dirname "$0")/lib.sh"
version=1.37.2

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

build() {
    cd "$work"
    go mod init telegraf-build
    go get "github.com/influxdata/telegraf@v$version"
    # The versions of everything else are checked against Telegraf's own list.
    cp "$(go list -m -f '{{.Dir}}' "github.com/influxdata/telegraf@v$version")/go.sum" go.sum
    chmod u+w go.sum
    CGO_ENABLED=0 go build -mod=mod -o "$1/telegraf" \
        -tags custom,inputs.mqtt_consumer,outputs.influxdb_v2,parsers.json_v2,serializers.influx \
        github.com/influxdata/telegraf/cmd/telegraf
}

folder=$(part "telegraf-$version" build)
echo "$folder/telegraf"
