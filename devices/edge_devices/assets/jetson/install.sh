#!/bin/sh
# Installs edge-runtime on a Jetson: sudo sh install.sh [--dry-run] [WHEEL]
#
# JetPack 5 has Python 3.8 and JetPack 6 has 3.10: onnxruntime's releases for them are too old. They
# get a Python of their own by uv, below /opt/edge-runtime like all the rest; JetPack's own Python,
# CUDA and TensorRT stay as they are. JetPack 7 has Python 3.12.
set -eu

readonly NEEDED_MB=1200
readonly UV_PYTHON=3.12
readonly TARGET="${EDGE_TARGET:-/opt/edge-runtime}"
readonly RELEASE_FILE="${EDGE_RELEASE_FILE:-/etc/nv_tegra_release}"
readonly VENV="$TARGET/venv"

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

run() {
  if [ "$dry_run" = yes ]; then
    echo "$ $*"
  else
    "$@"
  fi
}

dry_run=no
wheel=edge-runtime
for argument in "$@"; do
  case $argument in
    --dry-run) dry_run=yes ;;
    -*) fail "no option $argument; usage: sudo sh install.sh [--dry-run] [WHEEL]" ;;
    *) wheel=$argument ;;
  esac
done

[ "$(uname -m)" = aarch64 ] || fail "a Jetson is aarch64, and this is $(uname -m)"
[ -r "$RELEASE_FILE" ] || fail "$RELEASE_FILE is missing: this is no Jetson, or not NVIDIA's image"
release=$(sed -n 's/^# R\([0-9]*\).*/\1/p' "$RELEASE_FILE")
case $release in
  35) jetpack=5 ;;
  36) jetpack=6 ;;
  38 | 39) jetpack=7 ;;
  '') fail "$RELEASE_FILE does not say which release of Jetson Linux this is" ;;
  *) fail "Jetson Linux R$release is not known here; R35 (JetPack 5), R36 (6) and R38 (7) are" ;;
esac
[ "$dry_run" = yes ] || [ "$(id -u)" = 0 ] || fail 'run it with sudo'
parent=$TARGET
while [ ! -d "$parent" ]; do parent=$(dirname "$parent"); done
free_mb=$(($(df -Pk "$parent" | awk 'NR == 2 { print $4 }') / 1024))
[ "$free_mb" -ge "$NEEDED_MB" ] ||
  fail "$NEEDED_MB MB are needed in $parent, and $free_mb MB are free"
case $wheel in
  *.whl) [ -f "$wheel" ] || fail "there is no file $wheel" ;;
esac

# others than root must be able to run it: the service is one of them
umask 022
if [ "$jetpack" = 7 ]; then
  python3 -c 'import ensurepip' 2>/dev/null || run apt-get install -y python3-venv
  run python3 -m venv "$VENV"
  run "$VENV/bin/python" -m pip install "$wheel"
else
  python3 -m pip --version >/dev/null 2>&1 || run apt-get install -y python3-pip
  # JetPack 5's pip does not know the wheels of today
  run python3 -m pip install --upgrade --target "$TARGET/pip" pip
  run env PYTHONPATH="$TARGET/pip" python3 -m pip install --upgrade --target "$TARGET/uv" uv
  run env UV_PYTHON_INSTALL_DIR="$TARGET/python" \
    "$TARGET/uv/bin/uv" venv --clear --managed-python --python "$UV_PYTHON" "$VENV"
  run "$TARGET/uv/bin/uv" pip install --python "$VENV/bin/python" "$wheel"
fi
run ln -sf "$VENV/bin/edge-run" /usr/local/bin/edge-run

if [ "$dry_run" = no ]; then
  "$VENV/bin/edge-run" doctor || fail 'installed, but edge-run doctor finds something wrong'
fi
echo 'next: sudo edge-run install-service --broker mqtts://HOST --node NAME'
