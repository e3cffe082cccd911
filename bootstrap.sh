#!/bin/sh
# Set vnetc up on a fresh Debian 12 or 13.
#
#   sh bootstrap.sh         install vnetc into .venv/, with what Debian needs for that
#   sh bootstrap.sh test    install also what the tests use, and run all of them: `make test`
#   sh bootstrap.sh bench   install also netplan, and measure vnetc against it: `make bench`
#
# Needs the network, and root or sudo if a Debian package is missing. Can be run again at any time.
set -eu
cd "$(dirname "$0")"

has() { command -v "$1" >/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        echo "bootstrap.sh: needs root or sudo for: $*" >&2
        exit 1
    fi
}

# need PACKAGE COMMAND...: note down the Debian package if the command fails
missing=
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

PATH=$PATH:/usr/sbin:/sbin
need python3 has python3
need python3-venv python3 -c 'import ensurepip, venv'
case ${1-} in
"") ;;
bench)
    need make has make
    need netplan.io has netplan
    need iproute2 has ip
    ;;
test)
    need make has make
    need git has git               # for the hooks' tests
    need nodejs has node           # pyright runs on it
    need mmdebstrap has mmdebstrap # for the lab, see tests/lab/README.md
    need mount has mount
    need util-linux has setpriv
    need e2fsprogs has mke2fs
    need qemu-system-x86 has qemu-system-x86_64 # for the lab's virtual machine
    need nftables has nft
    need dnsmasq-base has dnsmasq
    need isc-dhcp-client has dhclient # the two clients that vnetc apply starts
    need udhcpc has udhcpc
    need ethtool has ethtool
    need iproute2 has ip # network namespaces of the tests, and what vnetc is compared with
    need procps has sysctl
    # the lab downloads packages itself, by apt's lists
    need ca-certificates apt-cache show ifupdown2
    ;;
*)
    echo "usage: sh bootstrap.sh [test | bench]" >&2
    exit 2
    ;;
esac

if [ -n "$missing" ]; then
    echo "bootstrap.sh: installing Debian packages:$missing"
    as_root apt-get update -qq
    # the names are words of this script
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends $missing >/dev/null
fi

if [ $# -gt 0 ]; then
    exec make "$1"
fi
python3 -m venv .venv
rm -f .venv/installed # which says that it is editable
.venv/bin/pip install --quiet .
.venv/bin/vnetc --version
