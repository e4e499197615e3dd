#!/usr/bin/env bash
# Lets a client that signs with botocore do what clients of the JCS contract do, against a running server.
#
#   HOLDALL_TEST_PYTHON=…/bin/python tests/clients/jcs.sh BASE_URL ACCESS_KEY SECRET_KEY
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PYTHONDONTWRITEBYTECODE=1 "${HOLDALL_TEST_PYTHON:?names the python of tests/run}" "$here/jcs.py" "${@:?usage: jcs.sh BASE_URL ACCESS_KEY SECRET_KEY}"
