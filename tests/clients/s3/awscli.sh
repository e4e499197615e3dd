#!/usr/bin/env bash
# The AWS command line with its default settings: buckets, cp, sync twice, mv, presign, s3api with check sums and versions, rb.
#
#   HOLDALL_TEST_PYTHON=…/bin/python tests/clients/s3/awscli.sh ENDPOINT ACCESS_KEY SECRET_KEY
set -euo pipefail
tools="$(dirname "${HOLDALL_TEST_PYTHON:?names the python of tests/run}")"
source "$(dirname "${BASH_SOURCE[0]}")/cli.sh"
aws() { "$tools/aws" --endpoint-url "$endpoint" "$@"; }

make_tree "$work/tree"
aws s3 mb s3://awscli >/dev/null
[[ "$(aws s3 ls)" == *' awscli'* ]] || fail "the bucket is not listed"

aws s3 cp --only-show-errors "$work/tree/dir/twenty" s3://awscli/cp/twenty
aws s3 cp --only-show-errors s3://awscli/cp/twenty "$work/twenty"
cmp "$work/twenty" "$work/tree/dir/twenty" || fail "cp changed the bytes"
printf 'from a pipe' | aws s3 cp --only-show-errors - s3://awscli/cp/pipe
same "$(aws s3 cp --only-show-errors s3://awscli/cp/pipe -)" "from a pipe" "what came through a pipe"

aws s3 sync --only-show-errors "$work/tree" s3://awscli/tree
same "$(aws s3 sync "$work/tree" s3://awscli/tree)" "" "a second sync has nothing to do"
aws s3 sync --only-show-errors s3://awscli/tree "$work/back"
same_tree "$work/tree" "$work/back"
same "$(aws s3 ls --recursive s3://awscli/tree/ | wc -l)" "$(find "$work/tree" -type f | wc -l)" "number of files listed"
same "$(aws s3 ls s3://awscli/tree/ | grep -c PRE)" 3 "number of folders listed"
rm "$work/tree/dir/file-1.txt"
printf 'longer than before' >"$work/tree/dir/file-2.txt"
same "$(aws s3 sync --delete --no-progress "$work/tree" s3://awscli/tree | wc -l)" 2 "a sync after two changes"
rm -r "$work/back"
aws s3 sync --only-show-errors s3://awscli/tree "$work/back"
same_tree "$work/tree" "$work/back"

aws s3 sync --only-show-errors s3://awscli/tree s3://awscli/copy
aws s3 mv --only-show-errors s3://awscli/copy/dir/twenty s3://awscli/moved
aws s3 cp --only-show-errors s3://awscli/moved "$work/moved"
cmp "$work/moved" "$work/tree/dir/twenty" || fail "mv changed the bytes"
refused "404" aws s3api head-object --bucket awscli --key copy/dir/twenty
same "$(curl -sS "$(aws s3 presign s3://awscli/cp/pipe)")" "from a pipe" "what a presigned link shows"

for algorithm in CRC32 CRC32C CRC64NVME SHA1 SHA256; do
    aws s3api put-object --bucket awscli --key "sum/$algorithm" --body "$work/tree/nine" \
        --checksum-algorithm "$algorithm" >/dev/null
    seen="$(aws s3api get-object --bucket awscli --key "sum/$algorithm" --checksum-mode ENABLED \
        --query "Checksum$algorithm" --output text "$work/sum")"
    [[ "$seen" != None ]] || fail "no $algorithm was told"
    cmp "$work/sum" "$work/tree/nine" || fail "$algorithm: other bytes"
done
same "$(aws s3api list-objects-v2 --bucket awscli --prefix sum/ --query 'length(Contents)')" 5 "listed by s3api"
same "$(aws s3api list-objects --bucket awscli --max-items 3 --page-size 2 --query 'length(Contents)')" 3 "paged by s3api"
refused NoSuchBucket aws s3api list-objects-v2 --bucket awscli-nothing-here
refused BucketNotEmpty aws s3 rb s3://awscli

aws s3api put-bucket-versioning --bucket awscli --versioning-configuration Status=Enabled
printf 'two' >"$work/two"
first="$(aws s3api head-object --bucket awscli --key cp/pipe --query VersionId --output text)"
aws s3 cp --only-show-errors "$work/two" s3://awscli/cp/pipe
aws s3api get-object --bucket awscli --key cp/pipe --version-id null "$work/old" >/dev/null
same "$(cat "$work/old")" "from a pipe" "the version from before (the latest was $first)"
aws s3api list-object-versions --bucket awscli --output json \
    --query '{Objects: [Versions[].{Key: Key, VersionId: VersionId}, DeleteMarkers[].{Key: Key, VersionId: VersionId}][]}' >"$work/all"
aws s3api delete-objects --bucket awscli --delete "file://$work/all" >/dev/null
aws s3 rb s3://awscli >/dev/null
