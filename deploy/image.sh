#!/usr/bin/env bash
# Builds deploy/Dockerfile: deploy/image.sh [TAG]. With Docker or podman, whichever is there; where the base image can't
# be pulled (no registry within reach), a Debian machine's root makes one of the same name from Debian's own packages.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1:-shixian:0.1.0}
base=$(sed -n 's/^FROM \([^ ]*\) AS build$/\1/p' deploy/Dockerfile)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

debian_base() { # the base's name on Debian's python3, as deploy/Dockerfile uses it
  local suite=${base##*-}
  echo "Making $base from Debian's packages (the first time takes some minutes) ..."
  debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates "$suite" "$work/root" >"$work/log" 2>&1 \
    || { tail -5 "$work/log"; return 1; }
  mkdir -p "$work/root/usr/local/bin"
  ln -s /usr/bin/python3 "$work/root/usr/local/bin/python"
  rm -rf "$work/root"/var/cache/apt/archives/*.deb "$work/root"/var/lib/apt/lists/*
  tar -C "$work/root" -c . | podman import --quiet - "$base" >/dev/null
}

if docker info >/dev/null 2>&1; then
  docker build -f deploy/Dockerfile -t "$tag" .
  exit
fi
command -v buildah >/dev/null || { echo "docker or buildah is needed (Debian: apt-get install podman buildah runc)"; exit 2; }
if ! podman image exists "$base" && ! podman pull --quiet "$base" >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null \
    || { echo "$base can't be pulled; as root on Debian, with debootstrap, it is made here"; exit 2; }
  debian_base
fi
# What pip on this machine needs to reach its index holds for the build as well; none of it stays in the image.
mounts=()
for file in /etc/pip.conf /etc/ssl/certs /etc/resolv.conf; do
  [ ! -e "$file" ] || mounts+=(-v "$file:$file:ro")
done
limit=$(ulimit -Hn)
[ "$limit" = unlimited ] || [ "$limit" -lt 65536 ] || limit=65536
buildah bud --isolation chroot --ulimit "nofile=$limit:$limit" --ulimit nproc=4096:4096 "${mounts[@]}" \
  -f deploy/Dockerfile -t "$tag" .
