# shellcheck shell=bash
# What the scripts beside this file share: where things are, progress, locks, packages, pulls, the record of images.
# Sourcing it changes nothing on disk. A script's first line after it is `script_arguments=("$@")`, if it takes a lock.
set -euo pipefail

# shellcheck disable=SC2034 # used by the scripts that source this file
{
  setup=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  repo=$(cd "$setup/../.." && pwd)
  home=${CHARTGATE_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/chartgate}
  noun=$(basename "$0")
  script_arguments=()
  pull_said=
}

# A compiler must not look for the job server of a make above.
unset MAKEFLAGS MFLAGS MAKELEVEL

asked_kubernetes=${KUBERNETES:-}
# shellcheck source=../versions.env
. "$setup/../versions.env"
KUBERNETES=${asked_kubernetes:-$KUBERNETES}

# step WHAT: a line of progress, with the seconds since the script started.
step() {
  printf '%-10s %4s s  %s\n' "$noun" "$SECONDS" "$*" >&2
}

# fail CODE WHAT HINT: ends the script. Code 4 is the environment: no engine, no registry, no package.
fail() {
  printf 'error: %s: %s\n  hint: %s\n' "$noun" "$2" "$3" >&2
  exit "$1"
}

# patiently LOG WHAT COMMAND...: runs a long command into a log file, says every 15 s how far it is, and shows the log's end if it
# fails, unless `patiently_silent` is set: then a failure is the caller's to tell. Its seconds, and its processor seconds, are appended to `log/times.tsv`.
patiently() {
  local log=$home/log/$1.log what=$2 ticker status=0
  shift 2
  mkdir -p "$home/log"
  step "$what"
  : > "$log"
  (
    # Nothing is inherited, so that a reader of this script's output does not wait for the last sleep.
    while sleep 15 > /dev/null 2>&1 && kill -0 $$ 2> /dev/null; do
      step "… $what: $(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-90)"
    done
  ) &
  ticker=$!
  local TIMEFORMAT='%U %S' seconds=$SECONDS
  { time "$@" >> "$log" 2>&1 < /dev/null; } 2> "$log.time" || status=$?
  kill "$ticker" 2> /dev/null || true
  wait "$ticker" 2> /dev/null || true
  printf '%s\t%s\t%s\n' "$((SECONDS - seconds))" "$(awk '{print int($1 + $2)}' "$log.time")" "$what" >> "$home/log/times.tsv"
  rm -f "$log.time"
  if [ "$status" != 0 ] && [ -z "${patiently_silent:-}" ]; then
    printf '%s: %s: exit %s, the end of %s:\n' "$noun" "$what" "$status" "$log" >&2
    tail -n 20 "$log" | sed 's/^/  | /' >&2
  fi
  return "$status"
}

# Seconds that a wait for another script of the same set-up may take before it is told: `make` runs several at once.
calm=10

# tell_wait NAME: says that the lock NAME is waited for, until it is free. One of those that wait says it.
tell_wait() {
  (
    flock -n 9 || exit 0
    step "waits for another set-up of the $1"
    flock "$home/lock/$1" true
  ) 9> "$home/lock/$1.waits"
}

# alone NAME: the rest of the script holds the lock NAME. It starts the script again under `flock -o`, which keeps the lock's
# descriptor from the script's children: an engine that outlives the script must not hold it.
alone() {
  if [ "${CHARTGATE_LOCK:-}" = "$1" ]; then
    unset CHARTGATE_LOCK
    holds=$1
  fi
  [ "${holds:-}" != "$1" ] || return 0
  command -v flock > /dev/null || return 0
  mkdir -p "$home/lock"
  flock -w "$calm" "$home/lock/$1" true || tell_wait "$1"
  CHARTGATE_LOCK=$1 exec flock -o "$home/lock/$1" "$0" ${script_arguments[@]+"${script_arguments[@]}"}
}

# digest: the first twelve hex digits of the SHA-256 of its input.
digest() {
  if command -v sha256sum > /dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-12
}

# architecture: the machine's, in Go's and Docker's words.
architecture() {
  case $(uname -m) in
    x86_64 | amd64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# has_packages NAME...: whether these Debian packages are installed.
has_packages() {
  command -v dpkg-query > /dev/null \
    && [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2> /dev/null | grep -cx installed)" = $# ]
}

# can_install: whether Debian packages can be installed here, by this user.
can_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null
}

# packages NAME...: installs Debian packages that are missing. The lists are only fetched if they are too old to install from.
packages() {
  has_packages "$@" && return
  can_install || fail 4 "needs the packages $*" "install them, or run this once as root on Debian or Ubuntu"
  mkdir -p "$home/lock"
  local apt=(env DEBIAN_FRONTEND=noninteractive flock -o "$home/lock/packages" apt-get -q -o DPkg::Lock::Timeout=300)
  patiently "packages-$noun" "installs $*" "${apt[@]}" install -y --no-install-recommends "$@" && return
  patiently "packages-$noun" "fetches the lists of packages" "${apt[@]}" update || true
  patiently "packages-$noun" "installs $*" "${apt[@]}" install -y --no-install-recommends "$@" \
    || fail 4 "cannot install $*" "see whether \`apt-get install $*\` works"
}

# go_ready: ends the script if there is no Go compiler.
go_ready() {
  command -v go > /dev/null || fail 4 "needs Go to build $1, which was not found ready-made" "install Go 1.25 or newer, or put $1 on the PATH"
}

# maven POM DIRECTORY OPTION...: puts what a POM depends on into a directory.
maven() {
  local pom=$1 directory=$2
  shift 2
  command -v mvn > /dev/null || packages maven
  # It keeps its state beside the POM.
  local work
  work=$(mktemp -d)
  cp "$pom" "$work/pom.xml"
  patiently "maven-$(basename "$(dirname "$pom")")" "gets Java packages" \
    mvn --batch-mode --no-transfer-progress --file "$work/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$directory" "$@" \
    || fail 4 "cannot get the Java packages of $pom" "read the lines above: all of it comes from Maven's central repository"
  rm -rf "$work"
}

# compile COMMAND ARGUMENT...: cargo, as all that `make` compiles is compiled: what programs and tests depend on is compiled once for both,
# and is outside the checkout, so that a fresh clone finds it.
triple=$(uname -m)-unknown-linux-gnu
target=$home/target
compile() {
  RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }-C target-feature=+crt-static" cargo "$1" --manifest-path "$repo/Cargo.toml" --target-dir "$target" \
    --profile image --target "$triple" "${@:2}"
}
# The programs lie beside the target directory: tests compile them anew, and what is made of them is known by its digest.
# shellcheck disable=SC2034 # used by the scripts that source this file
binaries=$home/programs
# `chartgate setup` unpacks these scripts alone, and puts the command there under the name of each program that it is.
# shellcheck disable=SC2034 # used by the scripts that source this file
[ -f "$repo/Cargo.toml" ] || binaries=$repo/programs

# has_image REF: whether the engine has it.
has_image() {
  docker image inspect --format . "$1" > /dev/null 2>&1
}

# pull REF: gets a pinned image from its registry; false if that cannot be, and `pull_said` is why, in the engine's words: the caller
# builds the image then. Ten minutes are enough for the largest over a slow line; an engine gives up on a silent registry after 15 s.
pull() {
  has_image "$1" && return
  local limit=()
  ! command -v timeout > /dev/null || limit=(timeout 600)
  patiently_silent=1 patiently "pull-$noun" "pulls ${1%@*}" ${limit[@]+"${limit[@]}"} docker pull --quiet "$1" && return
  # shellcheck disable=SC2034 # read by the scripts that source this file
  pull_said=$(tail -n 1 "$home/log/pull-$noun.log" | sed 's/^Error response from daemon: //' | tr -cd '[:print:]' | cut -c 1-110)
  return 1
}

# recorded KEY: the reference that `images.env` holds for KEY, or nothing.
recorded() {
  [ ! -f "$home/images.env" ] || sed -n "s/^$1=//p" "$home/images.env"
}

# note FILE KEY VALUE: replaces the line of KEY in a file of `KEY=value` lines; a reader never finds a part.
note() {
  mkdir -p "$home/lock"
  (
    ! command -v flock > /dev/null || flock 9
    {
      [ ! -f "$1" ] || grep -v "^$2=" "$1" || true
      echo "$2=$3"
    } > "$1.new"
    mv "$1.new" "$1"
  ) 9> "$home/lock/$(basename "$1")"
}

# record KEY REF: notes in `images.env`, which the harness reads, the image to use. One of ours that it replaces goes, if nothing runs it.
record() {
  local before
  before=$(recorded "$1")
  [ "$before" != "$2" ] || return 0
  note "$home/images.env" "$1" "$2"
  case $before in
    *,*) ;;
    chartgate/*) docker image rm "$before" > /dev/null 2>&1 || true ;;
  esac
}
