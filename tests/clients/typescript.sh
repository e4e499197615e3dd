#!/usr/bin/env bash
# Makes TypeScript types from openapi/v1.json and compiles a program that uses them, in the strictest mode.
#
#   HOLDALL_TEST_NODE_MODULES=…/node_modules tests/clients/typescript.sh [BASE_URL]
#
# With BASE_URL, the program is run against that server too.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
modules="${HOLDALL_TEST_NODE_MODULES:?names the node_modules of tests/run}"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"$modules/.bin/openapi-typescript" "$here/../../openapi/v1.json" --output "$work/v1.ts"
cp "$here/round_trip.ts" "$work/"
ln -s "$modules" "$work/node_modules"
echo '{"type": "module"}' >"$work/package.json"

cat >"$work/tsconfig.json" <<'JSON'
{
  "compilerOptions": {
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "exactOptionalPropertyTypes": true,
    "target": "es2022",
    "module": "nodenext",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
    "outDir": "out"
  }
}
JSON

cd "$work"
"$modules/.bin/tsc" --noEmit
echo "the generated TypeScript types compile"

if [[ -n "${1:-}" ]]; then
    "$modules/.bin/tsc"
    node out/round_trip.js "$1"
fi

# The compiler must be able to say no: to a field that the document does not know, it does.
sed -i 's/packageID: packageID, path: "copy"/packageID: packageID, pathh: "copy"/' round_trip.ts
complaint="$("$modules/.bin/tsc" --noEmit || true)"
if [[ "$complaint" != *pathh* ]]; then
    echo "a wrong field compiles: the types say nothing" >&2
    exit 1
fi
