# SPDX-License-Identifier: EUPL-1.2
# Shared by the scripts of this folder: where built parts are kept, and a lock so that two runs never build the same one.
# A part is a folder <cache>/<name>-<version> with a file `ready` in it; what is half built has none and is made anew.

set -euo pipefail
shopt -s inherit_errexit  # or a build that fails in $(part ...) would be taken for ready
cache=${CITIMEASURE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/citimeasure}
mkdir -p "$cache"

# part NAME-VERSION BUILD_FUNCTION: runs the function in an empty folder unless the part is ready; prints the folder.
part() {
    local folder="$cache/$1"
    exec 9>"$cache/$1.lock"
    flock 9
    if [ ! -e "$folder/ready" ]; then
        echo "building $1 into $folder (once; later runs find it there)" >&2
        rm -rf "$folder" && mkdir -p "$folder"
        (cd "$folder" && "$2" "$folder") >&2
        touch "$folder/ready"
    fi
    exec 9>&-
    echo "$folder"
}
