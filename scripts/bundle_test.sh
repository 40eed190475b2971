#!/usr/bin/env bash
# Installs a bundle in a network namespace of its own, where nothing but the loopback exists, and runs the whole system
# with the sample there: scripts/bundle_test.sh [BUNDLE]; without one it makes one and removes it. Needs root and unshare
# (util-linux); else says what is missing.
set -euo pipefail
python=$(command -v "${PYTHON:-python3.11}" || command -v python3)
unshare -n true 2>/dev/null || { echo "bundle test: missing: root and unshare, to take the network away"; exit 2; }
work=$(mktemp -d /tmp/shixian-bundle-XXXXXX)
trap 'rm -rf "$work"' EXIT
if [ -n "${1:-}" ]; then cp -r "$1" "$work/bundle"; else "$(dirname "$0")/bundle.sh" "$work/bundle"; fi

cat >"$work/inside" <<INSIDE
set -euo pipefail
ip link set lo up
! timeout 5 "$python" -c 'import socket; socket.create_connection(("1.1.1.1", 443), 3)' 2>/dev/null
export PIP_INDEX_URL=http://127.0.0.1:9/ PIP_FIND_LINKS= HOME=$work XDG_CACHE_HOME=$work/cache
PYTHON=$python "$work/bundle/install.sh" "$work/shixian"
PYTHON=$python "$work/bundle/install.sh" "$work/shixian" # again, as after one that was cut off
rm -rf "$work/bundle"
export SHIXIAN_HOME=$work/home SHIXIAN_KAFKA_PORT=0
"$work/shixian/bin/shixian" due --statute CN --received 2025-01-20 --json | grep -q '"due_on"'
"$work/shixian/bin/shixian" up --demo >"$work/up.log" 2>&1 &
up=\$!
for _ in \$(seq 240); do
  grep -q '/annual/gz-psb/2013' "$work/up.log" && break
  kill -0 \$up 2>/dev/null || break
  sleep 0.5
done
grep -q '/annual/gz-psb/2013' "$work/up.log" || { tail -20 "$work/up.log"; exit 1; }
kill -INT \$up
wait \$up || true
INSIDE
unshare -n bash "$work/inside"
echo "bundle test: installed and ran the sample year without a network"
