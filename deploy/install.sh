#!/usr/bin/env bash
# Installs Shixian from this bundle, without a network: ./install.sh [FOLDER]  (by default ./shixian beside it).
# Needs Python of the version in `made-for`, with its venv module; nothing is fetched.
set -euo pipefail
bundle=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$bundle/shixian}
python=${PYTHON:-python3}

echo "Checking the bundle ..."
(cd "$bundle" && sha256sum --quiet --check SHA256SUMS)
read -r major minor platform <"$bundle/made-for"
have=$("$python" -c 'import sys, sysconfig; print(sys.version_info[0], sys.version_info[1], sysconfig.get_platform())')
[ "$have" = "$major $minor $platform" ] || {
  echo "the bundle was made for Python $major.$minor on $platform; $python is $have (PYTHON names another)"
  exit 2
}
"$python" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet --isolated)
"${pip[@]}" install --no-index --find-links "$bundle/wheels" --require-hashes -r "$bundle/requirements.lock"
# Anew even where its version is there: another bundle of one version has other code, and the command below is written anew.
"${pip[@]}" install --no-index --no-deps --force-reinstall "$bundle"/own/*.whl
mkdir -p "$folder/jars"
cp "$bundle"/jars/*.jar "$folder/jars/"
# The command finds its jars beside it, so that nothing is asked of the network when the broker starts.
mv "$folder/bin/shixian" "$folder/bin/shixian-command"
cat >"$folder/bin/shixian" <<'COMMAND'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
: "${SHIXIAN_JARS:=$here/../jars}"
export SHIXIAN_JARS
exec "$here/shixian-command" "$@"
COMMAND
chmod +x "$folder/bin/shixian"
echo "installed: $folder/bin/shixian up --demo"
