#!/usr/bin/env bash
# Every file in examples/ passes `check`, and full.yaml tells every key with its built-in value:
# without its comments it is what `check --effective` makes of minimal.yaml.
#
#   OUTRIGGER=build/release/outrigger tests/integration/examples.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

find examples -name '*.yaml' -print0 | xargs -0 -n 1 "$OUTRIGGER" check -c

# `defaults` repeats the built-in values of calls that no service claims.
without_defaults() { sed '/^defaults:/,/^services:/{/^services:/!d}'; }
diff -u --label full.yaml --label built-in \
  <(sed 's/ *#.*//; /^$/d' examples/full.yaml | without_defaults) \
  <("$OUTRIGGER" check --effective -c examples/minimal.yaml | without_defaults)
