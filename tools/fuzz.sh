#!/usr/bin/env bash
# Runs every fuzz target of every module for the given time each, one after the other.
set -euo pipefail
time=$1
go list -m -f '{{.Dir}}' | while read -r module; do
  grep -rlE '^func Fuzz' --include='*_test.go' "$module" | xargs -r -n1 dirname | sort -u | while read -r dir; do
    for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | awk '{print $2}'); do
      echo "== $dir $target"
      (cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" .)
    done
  done
done
