#!/usr/bin/env bash
# build_htslib.sh FOLDER: htslib for release wheels, as a static library in FOLDER/lib with headers in FOLDER/include,
# the libraries to link in FOLDER/link, and the licences and versions of all of them in FOLDER/licenses and
# FOLDER/components. The source of htslib is that in pysam's source distribution, that of libcurl is Debian's (with its
# security patches), built with OpenSSL for http, https and ftp alone; libdeflate, OpenSSL, zlib, bzip2 and xz are
# Debian's.
set -euo pipefail
PYSAM=0.24.1
PYSAM_HASH=90f612afccdb454d2447ecb5229266c6e7f991093deed4ed0a791db01f7fc994
out=$(realpath -m "$1") python=$(dirname "$0")/../.venv/bin/python
[ -x "$python" ] || { echo "first: make build" >&2; exit 1; }
python=$(realpath -s "$python")
for library in deflate crypto ssl z bz2 lzma; do
  [ -e "$(gcc -print-file-name=lib$library.a)" ] || {
    echo "missing: lib$library.a; apt install libdeflate-dev libssl-dev zlib1g-dev libbz2-dev liblzma-dev" >&2
    exit 1
  }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$out" && mkdir -p "$out"/{lib,include,licenses}
cd "$work"
run() { "$@" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }; }
export CFLAGS="-O2 -g0 -fPIC -fvisibility=hidden"

# Its own set-up would configure htslib; "external" leaves the source alone.
echo "pysam==$PYSAM --hash=sha256:$PYSAM_HASH" >pysam.txt
run env HTSLIB_MODE=external HTSLIB_LIBRARY_DIR=none HTSLIB_INCLUDE_DIR=none "$python" -m pip download \
  --disable-pip-version-check --no-build-isolation --no-deps --no-binary pysam --require-hashes -r pysam.txt
tar -xzf "pysam-$PYSAM.tar.gz" && cp "pysam-$PYSAM.tar.gz" "$out"

# Debian's sources, from where its packages come, in lists of our own.
mkdir -p parts lists/partial
for file in /etc/apt/sources.list.d/debian.sources; do
  [ ! -e "$file" ] || sed 's/^Types: deb$/Types: deb-src/' "$file" >parts/debian.sources
done
[ ! -e /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >parts/sources.list
apt=(apt-get -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts" -o "Dir::State::lists=$work/lists"
  -o APT::Sandbox::User=root)
run "${apt[@]}" update
run "${apt[@]}" source curl
cd curl-*/
run ./configure --prefix="$out" --disable-shared --enable-static --with-openssl --with-zlib --disable-symbol-hiding \
  --with-ca-bundle=/etc/ssl/certs/ca-certificates.crt --with-ca-path=/etc/ssl/certs --disable-manual \
  --disable-{ldap,ldaps,rtsp,dict,telnet,tftp,pop3,imap,smb,smtp,gopher,mqtt,ntlm,file} \
  --without-{brotli,zstd,libpsl,libidn2,librtmp,libssh2,nghttp2,libgsasl,gssapi}
run make -C lib install
run make -C include install
cp COPYING "$out/licenses/libcurl"
curl=$(sed -n 's/^#define LIBCURL_VERSION "\(.*\)"/\1/p' include/curl/curlver.h)

cd "../pysam-$PYSAM/htslib"
LIBS="-lssl -lcrypto -lz -ldl -lpthread" CPPFLAGS="-I$out/include" LDFLAGS="-L$out/lib" \
  run ./configure --prefix="$out" --with-libdeflate --enable-libcurl --enable-s3 --enable-gcs --disable-plugins
# It keeps its flags as text.
run make config_vars.h && sed -i "s#$out#.#g" config_vars.h
run make lib-static
cp libhts.a "$out/lib" && cp -r htslib "$out/include" && cp LICENSE "$out/licenses/htslib"
# Debian's libbz2.a is no position-independent code: auditwheel takes the shared one into the wheel.
echo "-l:libhts.a -l:libcurl.a -l:libssl.a -l:libcrypto.a -l:libdeflate.a -l:liblzma.a -l:libz.a -lbz2" >"$out/link"
printf '%s\n' "htslib $(sed -n 's/^VERSION=//p' version.sh)" "libcurl $curl" >"$out/components"
for pair in openssl:libssl-dev libdeflate:libdeflate-dev xz:liblzma-dev bzip2:libbz2-dev zlib:zlib1g-dev; do
  package=${pair#*:}
  cp "/usr/share/doc/$package/copyright" "$out/licenses/${pair%:*}"
  echo "${pair%:*} $(dpkg-query -W -f '${Version}' "$package")" >>"$out/components"
done
# Debian's file names this licence, and a wheel must have its text.
cat /usr/share/common-licenses/Apache-2.0 >>"$out/licenses/openssl"
cat "$out/components"
