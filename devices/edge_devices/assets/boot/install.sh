#!/bin/sh
# Installs what edge-flash put beside this script; run by root at the first boot, and again at the
# next one if the power went meanwhile. Needs no network.
set -u
umask 022
here=$(dirname "$(readlink -f "$0")")
boot=$(dirname "$here")

say() {
    echo "edge-runtime: $*"
    echo "edge-runtime: $*" >>"$here/first-boot.log"
    echo "edge-runtime: $*" >/dev/kmsg 2>/dev/null || true
    sync
}

fail() {
    say "NOT installed: $*"
    exit 1
}

# the boot partition knows no owners: what lies there, everybody can read
scrub() {
    [ -f "$1" ] || return 0
    shred -n 1 "$1" 2>/dev/null || true
    rm -f "$1"
    sync
}

# a setting of the first boot, as it came with the system
restore() {
    scrub "$here/$1.old"
    [ -f "$here/stock/$1" ] || return 0
    cp "$here/stock/$1" "$boot/$1.new" || fail "$boot/$1 cannot be written"
    mv "$boot/$1" "$here/$1.old" 2>/dev/null || true
    mv "$boot/$1.new" "$boot/$1"
    sync
    scrub "$here/$1.old"
}

# secrets first, so that they lie open for as short as can be
if [ -f "$here/secrets.tar" ]; then
    tar -xpf "$here/secrets.tar" -C / --no-same-owner || fail "secrets.tar cannot be unpacked"
    sync
    scrub "$here/secrets.tar"
fi
# it holds the key of Wi-Fi, and the system has taken it over by now
restore network-config

if [ -f "$here/installation.tar.gz" ]; then
    say "installing"
    tar -xzf "$here/installation.tar.gz" -C / --no-same-owner \
        || fail "installation.tar.gz cannot be unpacked: $(df -h / | tail -n 1)"
    python=/opt/edge-runtime/bin/python3
    "$python" -c '' || fail "this system has no $(readlink "$python")"
    # the service may not write there itself
    for package in @COMPILED@; do
        "$python" -m compileall -q /opt/edge-runtime/lib/python3.*/site-packages/"$package" || true
    done
    ln -sf /opt/edge-runtime/bin/edge-run /usr/local/bin/edge-run
    sync
    rm -f "$here/installation.tar.gz"
    say "installed"
fi

# last: while it is there, the next boot runs this script again
restore user-data
