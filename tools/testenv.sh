#!/usr/bin/env bash
# Finds what the tests need besides Go: PostgreSQL, Redis, Node and Chromium. What is missing is installed where this may be done (Debian or
# Ubuntu, as root); elsewhere one line says how.
set -euo pipefail

missing=()
has() { command -v "$1" >/dev/null 2>&1; }
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || has postgres || missing+=(postgresql)
has redis-server || missing+=(redis-server)
has chromium || has chromium-browser || has google-chrome || missing+=(chromium)
has node || missing+=(nodejs npm)

[ ${#missing[@]} -eq 0 ] && exit 0
if has apt-get && [ "$(id -u)" = 0 ]; then
  echo "testenv: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
echo "testenv: the tests need: ${missing[*]}; install them, e.g. with: sudo apt-get install ${missing[*]}" >&2
exit 1
