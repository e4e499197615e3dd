#!/usr/bin/env bash
# s3cmd: put in one piece and in parts, get, ls, sync twice, cp, mv, info, metadata, signed links, del, rb.
#
#   tests/clients/s3/s3cmd.sh ENDPOINT ACCESS_KEY SECRET_KEY
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/cli.sh"
host="${endpoint#http://}"
cat >"$work/s3cfg" <<CONF
[default]
access_key = $access_key
secret_key = $secret_key
host_base = $host
host_bucket = $host
bucket_location = us-east-1
use_https = False
check_ssl_certificate = False
multipart_chunk_size_mb = 5
human_readable_sizes = False
CONF
s3() { command s3cmd --config "$work/s3cfg" --no-progress "$@"; }

make_tree "$work/tree"
s3 mb s3://s3cmd
[[ "$(s3 ls)" == *'s3://s3cmd'* ]] || fail "the bucket is not listed"
s3 put "$work/tree/dir/twenty" s3://s3cmd/parts/twenty
s3 get s3://s3cmd/parts/twenty "$work/twenty"
cmp "$work/twenty" "$work/tree/dir/twenty" || fail "parts: other bytes"
s3 put --disable-multipart --mime-type text/x --add-header x-amz-meta-who:me "$work/tree/nine" s3://s3cmd/one/nine
s3 get s3://s3cmd/one/nine "$work/nine"
cmp "$work/nine" "$work/tree/nine" || fail "one piece: other bytes"
info="$(s3 info s3://s3cmd/one/nine)"
for words in "File size: 9437184" "MIME type: text/x" "MD5 sum:   $(md5sum <"$work/tree/nine" | cut -d' ' -f1)" "x-amz-meta-who: me"; do
    [[ "$info" == *"$words"* ]] || fail "info does not say <$words>: $info"
done

s3 sync "$work/tree/" s3://s3cmd/tree/
same "$(s3 sync "$work/tree/" s3://s3cmd/tree/ | grep -c 'upload:' || true)" 0 "a second sync has nothing to do"
s3 sync s3://s3cmd/tree/ "$work/back/"
same_tree "$work/tree" "$work/back"
same "$(s3 ls --recursive s3://s3cmd/tree/ | wc -l)" "$(find "$work/tree" -type f | wc -l)" "number of files listed"
same "$(s3 ls s3://s3cmd/tree/ | grep -c DIR)" 3 "number of folders listed"

s3 cp s3://s3cmd/parts/twenty s3://s3cmd/copied
s3 mv s3://s3cmd/copied s3://s3cmd/moved
s3 get s3://s3cmd/moved "$work/moved"
cmp "$work/moved" "$work/tree/dir/twenty" || fail "cp and mv: other bytes"
s3 modify --add-header x-amz-meta-who:you s3://s3cmd/one/nine
[[ "$(s3 info s3://s3cmd/one/nine)" == *"x-amz-meta-who: you"* ]] || fail "modify changed nothing"
curl -sSf -o "$work/linked" "$(s3 signurl s3://s3cmd/moved +60)" || fail "a signed link of s3cmd is refused"
cmp "$work/linked" "$work/moved" || fail "signed link: other bytes"
same "$(s3 du s3://s3cmd/one/ | awk '{print $1}')" 9437184 "du"
refused "does not exist" s3 get s3://s3cmd/missing "$work/missing"
refused "not empty" s3 rb s3://s3cmd
s3 del --recursive --force s3://s3cmd/
same "$(s3 ls --recursive s3://s3cmd/)" "" "nothing is left"
s3 rb s3://s3cmd
