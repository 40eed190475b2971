#!/usr/bin/env bash
# Everything that an installation needs, for a machine without a network: scripts/bundle.sh FOLDER.
# Wheels of the lock for this machine's Python and platform, the product's own wheel, the broker's jars, a script.
set -euo pipefail
cd "$(dirname "$0")/.."
into=${1:?a folder that does not exist}
python=${PYTHON:-.venv/bin/python}
[ ! -e "$into" ] || { echo "$into exists"; exit 2; }
mkdir -p "$into/wheels" "$into/jars"
into=$(cd "$into" && pwd)

echo "Fetching the wheels of requirements.lock ..."
"$python" -m pip --disable-pip-version-check --quiet download --require-hashes --only-binary :all: \
  --dest "$into/wheels" -r requirements.lock
"$python" -m pip --disable-pip-version-check --quiet wheel --no-deps --wheel-dir "$into/own" .
echo "Fetching the broker's jars ..."
SHIXIAN_JARS="$into/jars" "$python" -c 'from services.local.jars import kafka_classpath; kafka_classpath()'
cp requirements.lock LICENSE "$into/"
cp deploy/install.sh "$into/install.sh"
"$python" -c 'import sys, sysconfig; print(sys.version_info[0], sys.version_info[1], sysconfig.get_platform())' >"$into/made-for"
(cd "$into" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
du -sh "$into" | cut -f1 | xargs -I{} echo "bundle: {} in $into; copy it to the machine and run install.sh there"
