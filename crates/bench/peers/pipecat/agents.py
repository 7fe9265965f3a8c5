"""The work of `voxline-bench sessions`, done by Pipecat: its Smallest services, its aggregators, its Silero detector.

    agents.py SESSIONS SECONDS RECORDING URL KEY

The same recorded caller, 20 ms at a time; the same answer, from a script; the output paced 40 ms at a time by Pipecat's
own transport class, to nobody. One process, one event loop. Prints a row.
"""

import asyncio
import gc
import json
import os
import sys
import time
import wave

from loguru import logger

logger.remove()

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.smallest.stt import SmallestSTTService
from pipecat.services.smallest.tts import SmallestTTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_stop.speech_timeout_user_turn_stop_strategy import (
    SpeechTimeoutUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

ANSWER = "I hear you well, and I will gladly help you with that."
RATE = 16000
FRAME = 640
WRITE_MS = 40


class Script(FrameProcessor):
    """Stands for a language model: answers every context with the same words."""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for word in ANSWER.split(" "):
            await self.push_frame(LLMTextFrame(word + " "))
        await self.push_frame(LLMFullResponseEndFrame())


class Probe(FrameProcessor):
    """Counts how late the caller's frames come to the end of the input side."""

    def __init__(self, late):
        super().__init__()
        self.late = late

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.late.append(time.monotonic() - frame.metadata["due"])
        await self.push_frame(frame, direction)


class Input(BaseInputTransport):
    """Takes the caller's frames as a transport takes them from its socket."""

    def __init__(self, params):
        super().__init__(params)
        self.started = asyncio.Event()

    async def start(self, frame: StartFrame):
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.started.set()


class Output(BaseOutputTransport):
    """Writes to nobody, at the pace of hearing: how late each write is against that pace is counted."""

    def __init__(self, params, late):
        super().__init__(params)
        self.late = late
        self.due = None

    async def start(self, frame: StartFrame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        now = time.monotonic()
        # After a pause the clock begins anew, as in Pipecat's own WebSocket transport.
        if self.due is None or now > self.due + 0.2:
            self.due = now
        wait = self.due - now
        if wait > 0:
            await asyncio.sleep(wait)
        self.late.append(max(0.0, time.monotonic() - self.due))
        self.due += WRITE_MS / 1000
        return True


def recording(path):
    with wave.open(path) as file:
        data = file.readframes(file.getnframes()) + bytes(RATE * 2)
    return data[: len(data) // FRAME * FRAME]


class Call:
    def __init__(self, url, key, late_in, late_out):
        params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_out_10ms_chunks=WRITE_MS // 10,
        )
        self.input = Input(params)
        output = Output(params, late_out)
        pair = LLMContextAggregatorPair(
            LLMContext(),
            # Its default would run another neural network, which judges turns, after every pause: not the same work.
            user_params=LLMUserAggregatorParams(
                vad_analyzer=SileroVADAnalyzer(),
                user_turn_strategies=UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()]),
            ),
        )
        stages = [
            self.input,
            SmallestSTTService(api_key=key, base_url=url),
            Probe(late_in),
            pair.user(),
            Script(),
            SmallestTTSService(api_key=key, base_url=url),
            output,
            pair.assistant(),
        ]
        self.worker = PipelineWorker(
            Pipeline(stages),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=24000, enable_metrics=False),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )

    async def speak(self, data, number):
        await self.input.started.wait()
        place = number * 37 * FRAME % len(data)
        due = time.monotonic() + (number * 7919 % 20000) / 1e6
        while True:
            due += 0.02
            await asyncio.sleep(max(0, due - time.monotonic()))
            chunk = data[place : place + FRAME]
            place = (place + FRAME) % len(data)
            frame = InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1)
            frame.metadata["due"] = due
            await self.input.push_audio_frame(frame)


def share(numbers, part):
    numbers = sorted(numbers)
    return round(numbers[int((len(numbers) - 1) * part)] * 1e3, 2) if numbers else 0.0


def resident_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


async def main(count, seconds, path, url, key):
    data = recording(path)
    late_in, late_out = [], []
    runner = WorkerRunner(handle_sigint=False)
    before = resident_kib()
    calls = [Call(url, key, late_in, late_out) for _ in range(count)]
    for call in calls:
        await runner.add_workers(call.worker)
    run = asyncio.create_task(runner.run())
    speaking = [asyncio.create_task(call.speak(data, number)) for number, call in enumerate(calls)]
    for call in calls:
        await asyncio.wait_for(call.input.started.wait(), 60)
    await asyncio.sleep(5)
    gc.collect()
    late_in.clear()
    late_out.clear()
    used, began = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    used, lasted = time.process_time() - used, time.monotonic() - began
    row = {
        "figure": "sessions",
        "subject": "Pipecat",
        "pipelines": count,
        "cpu_ms_per_session_second": round(used * 1e3 / count / lasted, 3),
        "input_p50_ms": share(late_in, 0.5),
        "input_p99_ms": share(late_in, 0.99),
        "output_p99_ms": share(late_out, 0.99),
        "frames_heard": round(len(late_in) / (count * lasted * 50), 4),
        "bot_speaks": round(len(late_out) * WRITE_MS / 1000 / (count * lasted), 3),
        "kib": round((resident_kib() - before) / count, 1),
        "core": round(used / lasted, 3),
    }
    print(json.dumps(row), flush=True)
    # Ending hundreds of tasks in order is not what is measured.
    os._exit(0)


if __name__ == "__main__":
    sessions, length, where, address, secret = sys.argv[1:6]
    asyncio.run(main(int(sessions), float(length), where, address, secret))
