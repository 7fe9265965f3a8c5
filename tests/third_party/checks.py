"""What the client programs share: where the simulator is, its log, and PASS and FAIL lines."""

import asyncio
import json
import os
import signal
import sys
import traceback
from importlib.metadata import version
from pathlib import Path

SENTENCE = "The voice carries this sentence, word by word: 42 times!"
RATE = 16000
# Longer than any check takes: the slowest waits for the service's 4 s hold-back.
DEADLINE = 60
# A client that does not let itself be cancelled is ended with the process.
HARD_DEADLINE = DEADLINE + 15


class Simulator:
    """The simulator's address and key, and what it logged."""

    def __init__(self):
        first = json.loads(Path(sys.argv[1]).read_text().splitlines()[0])
        self.url = first["url"]
        self.http_url = self.url.replace("ws://", "http://", 1)
        self.key = first["api_key"]
        self._log = Path(sys.argv[2])

    def log(self, event):
        entries = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [entry for entry in entries if entry["event"] == event]


def run(package, checks):
    """Runs each check, prints a line for it, and ends the process."""
    print(f"# {package} {version(package)}")
    failed = False
    for check in checks:
        name = check.__name__.replace("_", " ")
        signal.signal(signal.SIGALRM, lambda *_, name=name: give_up(package, name))
        signal.alarm(HARD_DEADLINE)
        try:
            note = asyncio.run(asyncio.wait_for(check(), DEADLINE))
            print(f"PASS {package}: {name}" + (f" ({note})" if note else ""), flush=True)
        except Exception as error:
            failed = True
            print(f"FAIL {package}: {name}: {type(error).__name__}: {error}", flush=True)
            traceback.print_exc()
    signal.alarm(0)
    sys.exit(1 if failed else 0)


def give_up(package, name):
    print(f"FAIL {package}: {name}: does not end, not even when cancelled", flush=True)
    os._exit(1)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"expected {expected!r}, got {got!r}")


def true(value, what):
    if not value:
        raise AssertionError(what)
