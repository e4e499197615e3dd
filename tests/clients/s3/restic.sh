#!/usr/bin/env bash
# restic: init, backup twice, check with all data read, restore, forget with prune.
#
#   tests/clients/s3/restic.sh ENDPOINT ACCESS_KEY SECRET_KEY
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/cli.sh"
export RESTIC_REPOSITORY="s3:$endpoint/restic/repository" RESTIC_PASSWORD=restic-scenario
restic() { command restic --no-cache -q "$@"; }

make_tree "$work/tree"
restic init
refused "already" restic init
(cd "$work" && restic backup tree)
rm "$work/tree/dir/file-1.txt"
printf 'changed' >"$work/tree/dir/file-2.txt"
bytes 4 3000000 >"$work/tree/new"
(cd "$work" && restic backup tree)
same "$(restic snapshots --json | tr ',' '\n' | grep -c '"short_id"')" 2 "snapshots"
restic check --read-data
restic restore latest --target "$work/back"
same_tree "$work/tree" "$work/back/tree"
same "$(restic dump latest /tree/nine | md5sum)" "$(md5sum <"$work/tree/nine")" "a file from a snapshot"
restic forget --keep-last 1 --prune
restic check --read-data
same "$(restic snapshots --json | tr ',' '\n' | grep -c '"short_id"')" 1 "snapshots after forgetting"
rm -r "$work/back"
restic restore latest --target "$work/back"
same_tree "$work/tree" "$work/back/tree"
