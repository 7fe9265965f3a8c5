"""The work of `voxline-bench hop|paced`, done by Pipecat: ten pass-through processors, frames of 20 ms."""

import asyncio
import gc
import json
import sys
import time

from loguru import logger

logger.remove()

from pipecat.frames.frames import InputAudioRawFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

AUDIO = bytes(640)


class Pass(FrameProcessor):
    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Count(FrameProcessor):
    def __init__(self, expected):
        super().__init__()
        self.left = expected
        self.started = asyncio.Event()
        self.done = asyncio.Event()
        self.latencies = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            if frame.pts:
                self.latencies.append(time.monotonic_ns() - frame.pts)
            self.left -= 1
            if self.left == 0:
                self.done.set()
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.started.set()


def worker(expected):
    count = Count(expected)
    pipeline = Pipeline([*(Pass() for _ in range(10)), count])
    params = PipelineParams(enable_metrics=False)
    made = PipelineWorker(
        pipeline, params=params, enable_rtvi=False, enable_turn_tracking=False, idle_timeout_secs=None
    )
    return made, count


def row(**fields):
    print(json.dumps({"subject": "Pipecat", **fields}), flush=True)


def audio():
    return InputAudioRawFrame(audio=AUDIO, sample_rate=16000, num_channels=1)


async def hop(frames=5000):
    made, count = worker(frames)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(made)
    run = asyncio.create_task(runner.run())
    await count.started.wait()
    before = time.process_time()
    for _ in range(frames):
        await made.queue_frame(audio())
    await count.done.wait()
    used = time.process_time() - before
    row(figure="hop", cpu_ns=round(used / frames / 10 * 1e9, 1))
    await made.cancel()
    await run


async def paced(pipelines, seconds=5):
    made = [worker(seconds * 50) for _ in range(pipelines)]
    runner = WorkerRunner(handle_sigint=False)
    for each, _ in made:
        await runner.add_workers(each)
    run = asyncio.create_task(runner.run())
    for _, count in made:
        await count.started.wait()
    gc.collect()
    before = time.process_time()

    async def feed(number, each):
        due = time.monotonic() + (number * 7919 % 20000) / 1e6
        for _ in range(seconds * 50):
            await asyncio.sleep(max(0, due - time.monotonic()))
            due += 0.02
            frame = audio()
            frame.pts = time.monotonic_ns()
            await each.queue_frame(frame)

    await asyncio.gather(*(feed(number, each) for number, (each, _) in enumerate(made)))
    for _, count in made:
        await asyncio.wait_for(count.done.wait(), 60)
    used = time.process_time() - before
    latencies = sorted(latency for _, count in made for latency in count.latencies)
    frames = pipelines * seconds * 50
    at = [latencies[int((len(latencies) - 1) * share)] // 1000 for share in (0.5, 0.99, 0.999, 1)]
    row(
        figure="paced",
        pipelines=pipelines,
        cpu_us_per_frame=round(used / frames * 1e6, 2),
        p50_us=at[0],
        p99_us=at[1],
        **{"p99.9_us": at[2]},
        worst_us=at[3],
    )
    for each, _ in made:
        await each.cancel()
    await run


if __name__ == "__main__":
    asyncio.run(hop())
    asyncio.run(paced(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
