# What the scenarios of command-line clients share; to be read by them: `source cli.sh`, with ENDPOINT ACCESS SECRET as arguments.

endpoint="${1:?usage: $0 ENDPOINT ACCESS_KEY SECRET_KEY}"
access_key="${2:?}"
secret_key="${3:?}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# No settings of this user or machine may reach the clients.
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" XDG_CACHE_HOME="$work/home/.cache"
mkdir -p "$HOME"
for name in $(compgen -e | grep -E '^(AWS_|RCLONE_|RESTIC_|https?_proxy$|HTTPS?_PROXY$|all_proxy$|ALL_PROXY$)'); do unset "$name"; done
export AWS_ACCESS_KEY_ID="$access_key" AWS_SECRET_ACCESS_KEY="$secret_key" AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_PAGER=""

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# The same text twice: `same SEEN EXPECTED WHAT`.
same() { [[ "$1" == "$2" ]] || fail "$3: <$1> instead of <$2>"; }

# The same tree of files twice.
same_tree() { diff -r "$1" "$2" >&2 || fail "$2 is not what was sent from $1"; }

# What must be refused: `refused WORDS command…`; its words must name why.
refused() {
    local words="$1" said
    shift
    if said="$("$@" 2>&1)"; then fail "$* was not refused"; fi
    [[ "$said" == *"$words"* ]] || fail "$* was refused with <$said>, which does not say <$words>"
}

# A tree of files that is the same on every run: empty, small, of 9 MiB, of 20 MiB; names with spaces and in other scripts.
make_tree() {
    local tree="$1" n
    mkdir -p "$tree/dir/deep/er" "$tree/ключ" "$tree/a b"
    : >"$tree/empty"
    for n in 1 2 3 4 5 6 7 8 9; do printf 'file %s\n' "$n" >"$tree/dir/file-$n.txt"; done
    printf 'x' >"$tree/dir/deep/er/one"
    printf 'unicode' >"$tree/ключ/漢字 ü.txt"
    printf 'plus and percent' >"$tree/a b/c+d%20e&f=g.txt"
    bytes 1 9437184 >"$tree/nine"
    bytes 2 20971520 >"$tree/dir/twenty"
}

# So many bytes that do not compress, the same for the same seed.
bytes() { head -c "$2" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf "%032x" "$1")" -iv "$(printf "%032x" 0)" 2>/dev/null; }
