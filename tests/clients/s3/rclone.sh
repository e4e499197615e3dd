#!/usr/bin/env bash
# rclone: copy, check, sync twice with nothing to do, uploads in parts, copies on the server's side, listings, deletes.
#
#   tests/clients/s3/rclone.sh ENDPOINT ACCESS_KEY SECRET_KEY
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/cli.sh"
mkdir -p "$XDG_CONFIG_HOME/rclone"
cat >"$XDG_CONFIG_HOME/rclone/rclone.conf" <<CONF
[at]
type = s3
provider = Other
access_key_id = $access_key
secret_access_key = $secret_key
endpoint = $endpoint
region = us-east-1
chunk_size = 5Mi
upload_cutoff = 6Mi
list_chunk = 4
CONF
rclone() { command rclone --log-level ERROR --retries 1 --low-level-retries 1 "$@"; }
# How many files a command moves, as rclone counts it.
moved() {
    local log="$work/moved.json"
    command rclone --retries 1 --low-level-retries 1 --stats 0 --use-json-log --log-level INFO "$@" 2>"$log" || fail "$*: $(cat "$log")"
    grep -cE 'Copied|Deleted|Updated modification time' "$log" || true
}

make_tree "$work/tree"
rclone mkdir at:rclone-scenario
rclone copy "$work/tree" at:rclone-scenario/tree
rclone check "$work/tree" at:rclone-scenario/tree
rclone check --download "$work/tree" at:rclone-scenario/tree
same "$(moved sync "$work/tree" at:rclone-scenario/tree)" 0 "a second sync has nothing to do"
same "$(moved sync --checksum "$work/tree" at:rclone-scenario/tree)" 0 "nor has one by check sums"
same "$(moved sync --update --use-server-modtime "$work/tree" at:rclone-scenario/tree)" 0 "nor has one by the times of the server"
rclone copy at:rclone-scenario/tree "$work/back"
same_tree "$work/tree" "$work/back"
same "$(rclone lsf -R --files-only at:rclone-scenario/tree | sort)" "$(cd "$work/tree" && find . -type f | sed 's|^\./||' | sort)" "the listing"
same "$(rclone lsf at:rclone-scenario/tree | sort)" "$(ls -p "$work/tree" | sort)" "the listing of one folder"
same "$(rclone lsf --format t at:rclone-scenario/tree/nine)" "$(date -r "$work/tree/nine" '+%Y-%m-%d %H:%M:%S')" "the time of a file is kept"

rm "$work/tree/dir/file-1.txt"
printf 'longer than before' >"$work/tree/dir/file-2.txt"
same "$(moved sync "$work/tree" at:rclone-scenario/tree)" 2 "a sync after two changes"
rclone check "$work/tree" at:rclone-scenario/tree
touch -d '2020-01-02 03:04:05' "$work/tree/nine"
moved sync "$work/tree" at:rclone-scenario/tree >/dev/null
same "$(moved sync "$work/tree" at:rclone-scenario/tree)" 0 "a time that changed is kept"

rclone mkdir at:rclone-other
rclone sync at:rclone-scenario/tree at:rclone-other/copy
rclone check --download "$work/tree" at:rclone-other/copy
# 1 KiB as the limit of a copy in one request: larger files are copied in parts.
rclone --s3-copy-cutoff 5Mi copy at:rclone-scenario/tree/dir at:rclone-other/parts
rclone check --download "$work/tree/dir" at:rclone-other/parts
rclone moveto at:rclone-other/copy/dir/twenty at:rclone-other/moved
rclone copyto at:rclone-other/moved "$work/moved"
cmp "$work/moved" "$work/tree/dir/twenty" || fail "a move on the server: other bytes"
same "$(rclone cat --offset 5242870 --count 20 at:rclone-other/moved | md5sum)" \
    "$(tail -c +5242871 "$work/tree/dir/twenty" | head -c 20 | md5sum)" "a range over the seam of two parts"
bytes 3 12000000 >"$work/piped"
rclone rcat at:rclone-other/piped <"$work/piped"
same "$(rclone cat at:rclone-other/piped | md5sum)" "$(md5sum <"$work/piped")" "what came through a pipe"
same "$(curl -sSf "$(rclone link --expire 60s at:rclone-other/moved)" | md5sum)" "$(md5sum <"$work/moved")" "a link"
rclone backend cleanup at:rclone-other
rclone deletefile at:rclone-other/moved
rclone purge at:rclone-other
rclone purge at:rclone-scenario
[[ "$(rclone lsd at:)" != *rclone-* ]] || fail "a bucket is left"
