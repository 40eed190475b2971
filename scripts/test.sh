#!/usr/bin/env bash
# All checks and tests. Installs what they need on Debian as root; elsewhere says at the end what was missing.
set -uo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # what hundreds of processes import is compiled once
missing=()

no_servers() { # Debian starts the servers that it installs; the tests start their own
  local policy=/usr/sbin/policy-rc.d ours="" status=0
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=1; }
  DEBIAN_FRONTEND=noninteractive "$@" || status=$?
  [ -z "$ours" ] || rm -f "$policy"
  return "$status"
}

need() { # need COMMAND PACKAGE: a program that some tests use
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $2 ..."
    { apt-get update -qq && no_servers apt-get install -y -qq --no-install-recommends $2; } >/dev/null
  fi
  command -v "$1" >/dev/null || missing+=("$1 (package $2)")
}

need chromium "chromium fonts-noto-cjk"
need prometheus prometheus
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need amtool prometheus-alertmanager
need curl curl
need node nodejs
need javac default-jdk-headless # the recipes that docs/recipes has; the product needs none of the three

status=0 checked="$(mktemp)"
make --no-print-directory check >"$checked" 2>&1 & # beside the tests; what it says comes after theirs
checking=$!
trap 'kill "$checking" 2>/dev/null; rm -f "$checked"' EXIT # also where Ctrl-C ends the tests
# Side by side, a file (and all that share a system) by one worker, each worker with a database server of its own: much of
# a test is waiting.
SHIXIAN_TEST_MISSING="${missing[*]:-}" .venv/bin/pytest -n "${SHIXIAN_TEST_WORKERS:-5}" --dist load \
  -m "not proof" "$@" || status=$?
wait "$checking" || status=$?
cat "$checked"

echo 'Longer proofs are targets of their own: make proofs, make chaos, make fuzz, make bench, make bench-cluster, make bench-nth (docs/chaos.md),'
echo 'make image-test, make bundle-test, make canary.'
if [ ${#missing[@]} -gt 0 ]; then
  printf 'Not on this machine, so the tests that use it were left out: %s\n' "${missing[@]}"
  [ -n "${CI:-}" ] && { echo "On CI nothing may be left out."; status=1; }
fi
exit "$status"
