#!/usr/bin/env bash
# All checks and tests. Installs what they need on Debian as root; elsewhere says at the end what was missing.
set -uo pipefail
cd "$(dirname "$0")/.."
missing=()

need() { # need COMMAND PACKAGE: a program that some tests use
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $2 ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $2; } >/dev/null
  fi
  command -v "$1" >/dev/null || missing+=("$1 (package $2)")
}

servers() { # servers PACKAGE COMMAND...: servers that tests start themselves; unpacked only, since Debian starts what it installs
  local package=$1 command missed=() at=.venv/debian
  shift
  for command in "$@"; do
    command -v "$command" >/dev/null || [ -x "$at/usr/bin/$command" ] || missed+=("$command")
  done
  [ ${#missed[@]} = 0 ] && return
  if command -v apt-get >/dev/null; then
    echo "Unpacking $package ..."
    mkdir -p "$at"
    { [ "$(id -u)" != 0 ] || apt-get update -qq; } >/dev/null
    (cd "$at" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb . && rm -f "$package"_*.deb) >/dev/null 2>&1
  fi
  for command in "${missed[@]}"; do
    [ -x "$at/usr/bin/$command" ] || missing+=("$command (package $package)")
  done
}

need chromium "chromium fonts-noto-cjk"
servers prometheus prometheus promtool
servers prometheus-alertmanager prometheus-alertmanager amtool

status=0
make --no-print-directory check || status=$?
SHIXIAN_TEST_MISSING="${missing[*]:-}" .venv/bin/pytest "$@" || status=$?

if [ ${#missing[@]} -gt 0 ]; then
  printf 'Not on this machine, so the tests that use it were left out: %s\n' "${missing[@]}"
  [ -n "${CI:-}" ] && { echo "On CI nothing may be left out."; status=1; }
fi
exit "$status"
