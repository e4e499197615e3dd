#!/usr/bin/env bash
# Makes a Python client from openapi/v1.json and lets it do a full round trip against a running server.
#
#   HOLDALL_TEST_PYTHON=…/bin/python tests/clients/python.sh BASE_URL
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
base="${1:?usage: python.sh BASE_URL}"
tools="$(dirname "${HOLDALL_TEST_PYTHON:?names the python of tests/run}")"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# No formatting of code that nobody reads; a warning would mean that part of the document got no code.
echo 'post_hooks: []' >"$work/generator.yaml"
"$tools/openapi-python-client" generate --fail-on-warning --meta none --config "$work/generator.yaml" \
    --path "$here/../../openapi/v1.json" --output-path "$work/holdall_client"
PYTHONPATH="$work" PYTHONDONTWRITEBYTECODE=1 "$HOLDALL_TEST_PYTHON" "$here/round_trip.py" "$base"
