#!/bin/sh
# Runs the speech services of Pipecat and LiveKit, as they come from PyPI, against the simulator.
#
#   tests/third_party/run.sh [pipecat] [livekit]          both when none is named
#
# Environment:
#   VOXLINE_SIM       command that serves the simulator (default: the example of its crate)
#   PIPECAT_VERSION   e.g. 1.14.0 (default: the newest)
#   LIVEKIT_VERSION   e.g. 1.8.9 (default: the newest)
#   KEEP              when set, the virtual environments are kept and their place is printed
#
# Known to pass: Pipecat 1.7.0 and 1.14.0, LiveKit 1.6.10 and 1.8.9. Pipecat 1.3.0 does not end: its
# text-to-speech stays paused without an output transport.
#
# Needs Python 3.11 or newer with venv, and network for pip. Prints PASS and FAIL lines;
# ends with 0 when there was no FAIL, 1 when there was, 2 when it could not be tried.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
clients=${*:-pipecat livekit}
work=$(mktemp -d)
sim=

finish() {
    [ -z "$sim" ] || kill "$sim" 2>/dev/null || true
    if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 2' INT TERM

if [ -z "${VOXLINE_SIM:-}" ]; then
    (cd "$root" && cargo build --quiet -p voxline-waves-sim --example serve) || exit 2
    target=$(cd "$root" && cargo metadata --format-version 1 --no-deps |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    VOXLINE_SIM="$target/debug/examples/serve"
fi

package_of() {
    case $1 in
        pipecat) echo "pipecat-ai[smallest]${PIPECAT_VERSION:+==$PIPECAT_VERSION}" ;;
        livekit) echo "livekit-plugins-smallestai${LIVEKIT_VERSION:+==$LIVEKIT_VERSION}" ;;
        *) echo "unknown client $1" >&2; exit 2 ;;
    esac
}

# A pipe that nobody writes to keeps the simulator's standard input open until the end.
mkfifo "$work/open" && exec 3<>"$work/open"

failed=0
for client in $clients; do
    package=$(package_of "$client")
    python3 -m venv "$work/$client" || exit 2
    "$work/$client/bin/pip" install --quiet --disable-pip-version-check "$package" || exit 2
    # One simulator per client: its log is then about that client alone.
    $VOXLINE_SIM --log "$work/$client.jsonl" <"$work/open" >"$work/$client.sim" &
    sim=$!
    tries=0
    until [ -s "$work/$client.sim" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { echo "the simulator does not start" >&2; exit 2; }
        sleep 0.1
    done
    # The names used are the oldest ones that work, so that earlier versions can be tried.
    PYTHONWARNINGS=ignore::DeprecationWarning PYTHONDONTWRITEBYTECODE=1 \
        "$work/$client/bin/python" "$here/${client}_client.py" "$work/$client.sim" "$work/$client.jsonl" ||
        failed=1
    kill "$sim" 2>/dev/null || true
    wait "$sim" 2>/dev/null || true
    sim=
done
exit "$failed"
