#!/usr/bin/env bash
# bare_debian.sh [FOLDER]: `make demo` of this commit in a Debian 12 that debootstrap makes, with make and certificates
# alone: whatever else it needs, the Makefile must bring. Needs root and, of Debian, debootstrap; 3 GB in FOLDER
# ($TMPDIR), minutes. A FOLDER that was given is kept, and used again.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$(mktemp -d)}
[ "$#" = 1 ] || trap 'rm -rf --one-file-system "$folder"' EXIT
[ "$(id -u)" = 0 ] || { echo "needs root: debootstrap and chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "missing: apt install debootstrap" >&2; exit 1; }

mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null || true; } \
  | sed -nE 's/^URIs: //p; s/^deb (\[[^]]*\] )?(\S+) .*/\2/p' | head -1)
if [ ! -e "$folder/etc/debian_version" ]; then
  debootstrap --variant=minbase --include=ca-certificates,make bookworm "$folder" \
    "${mirror:-http://deb.debian.org/debian}" >"$folder.log" 2>&1 || { tail -20 "$folder.log" >&2; exit 1; }
  rm -f "$folder.log"
fi
rm -rf "$folder/source" && mkdir "$folder/source"
git -C "$root" archive HEAD | tar -xC "$folder/source"
# How this machine finds others, and which certificates and packages it believes.
cp /etc/resolv.conf /etc/hosts "$folder/etc"
cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$folder/etc"
# Mounts of its own, which go with it.
unshare --mount --pid --fork bash -euo pipefail -c '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  exec chroot "$1" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin make -C /source demo' bash "$folder"
echo "Debian $(cat "$folder/etc/debian_version"), bare: make demo"
