#!/data/data/com.termux/files/usr/bin/sh
# Installs edge-runtime in Termux: sh install.sh [--dry-run] [WHEEL]
#
# Wheels of PyPI are for glibc and do not install on Android. What is compiled comes from Termux's
# own repositories, except msgspec, which takes a minute to compile here; the rest is pure Python.
# --no-deps, since pip would compile numpy, onnxruntime and tokenizers for hours and then fail.
set -eu

readonly NEEDED_MB=900
readonly COMPILED='python python-pip python-numpy python-onnxruntime clang'
readonly FROM_TUR='python-tokenizers'
readonly PURE='paho-mqtt jinja2 markupsafe typer<0.29 click shellingham typing-extensions
annotated-doc rich markdown-it-py mdurl pygments huggingface-hub httpx httpcore h11 anyio idna
certifi filelock fsspec packaging pyyaml tqdm'

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
    -*) fail "no option $argument; usage: sh install.sh [--dry-run] [WHEEL]" ;;
    *) wheel=$argument ;;
  esac
done

[ -n "${TERMUX_VERSION:-}" ] && [ -n "${PREFIX:-}" ] ||
  fail 'this is not Termux; on Linux: pip install edge-runtime'
case $(uname -m) in
  aarch64 | x86_64) ;;
  *) fail "onnxruntime needs a 64-bit phone, and this is $(uname -m)" ;;
esac
command -v pkg >/dev/null ||
  fail 'pkg is missing; install Termux from F-Droid or GitHub, not from Google Play'
free_mb=$(($(df -Pk "$PREFIX" | awk 'NR == 2 { print $4 }') / 1024))
[ "$free_mb" -ge "$NEEDED_MB" ] ||
  fail "$NEEDED_MB MB are needed, and $free_mb MB are free; delete something"
case $wheel in
  *.whl) [ -f "$wheel" ] || fail "there is no file $wheel" ;;
esac

# the lists are of words, on purpose
# shellcheck disable=SC2086
install_all() {
  run pkg install -y $COMPILED
  run pkg install -y tur-repo
  run pkg install -y $FROM_TUR
  run python -m pip install --no-deps $PURE
  run python -m pip install --no-deps msgspec
  run python -m pip install --no-deps "$wheel"
}
install_all

if [ "$dry_run" = no ]; then
  edge-run doctor || fail 'installed, but edge-run doctor finds something wrong; see above'
fi
echo 'next: pkg install termux-services termux-api, start a new session, then
      edge-run install-service --broker mqtts://HOST --node NAME'
