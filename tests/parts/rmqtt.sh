#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Builds the real RMQTT 0.24.0 broker from its crate (8 minutes on 2 cores with empty caches) and prints its path. Needs
# cargo 1.94 or newer, protoc and git. It is the project's own program with its own lock file and one patch, which gives
# last wills the rights of their client. Plugins that are not used here are left out of its list: the bridges to Kafka,
# Pulsar and others take another 10 minutes.

. "$(dirname "$0")/lib.sh"
version=0.24.0
sum=2e43d70b225e0386ed91c556d394db05b141d53bc7b9c429caa1f9fa772467bc
plugins="acl auth-http cluster-raft retainer shared-subscription"
patch=$(realpath "$(dirname "$0")/rmqtt-will.patch")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
    local registry=${CARGO_HOME:-$HOME/.cargo}/registry crate
    cd "$work"
    cargo info --quiet "rmqttd@$version" >/dev/null  # downloads the crate
    for crate in "$registry"/cache/*/"rmqttd-$version.crate"; do
        if echo "$sum  $crate" | sha256sum --quiet -c; then tar xzf "$crate" --strip-components=1; fi
    done
    # The tables of plugins that are not wanted go; of the retainer's stores only the one in memory stays.
    awk -v plugins="$plugins conf net" '
        BEGIN { split(plugins, names, " "); for (i in names) wanted["rmqtt-" names[i]] = 1 }
        /^\[/ { name = $0; sub(/.*\./, "", name); sub(/\]/, "", name); drop = name ~ /^rmqtt-/ && !(name in wanted) }
        !drop && !(name == "rmqtt-retainer" && /"(sled|redis)"/)' Cargo.toml >wanted.toml
    mv wanted.toml Cargo.toml
    cargo fetch
    cp -r "$registry"/src/*/"rmqtt-$version" rmqtt
    (cd rmqtt && git apply "$patch")
    printf '\n[patch.crates-io]\nrmqtt = { path = "rmqtt" }\n' >>Cargo.toml
    CARGO_PROFILE_RELEASE_OPT_LEVEL=2 CARGO_PROFILE_RELEASE_STRIP=true CARGO_TARGET_DIR=$work/target cargo build --release
    mv target/release/rmqttd "$1/rmqttd"
}

folder=$(part "rmqtt-$version" build)
echo "$folder/rmqttd"
