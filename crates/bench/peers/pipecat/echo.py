"""The work of `voxline-bench echo`, done by Pipecat: calls of µ-law over a WebSocket through five processors.

The socket is of the library that Pipecat's own server transport uses; that transport paces its output by the clock and
takes one caller, so it cannot echo. The five: decode, loudness, voice by loudness, turns by silence, encode, all by
the standard library's C. Prints its address, and serves until it is killed.
"""

import asyncio
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)

import audioop

from loguru import logger

logger.remove()

from pipecat.frames.frames import (
    InputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from websockets.asyncio.server import serve


class Stage(FrameProcessor):
    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self.hear(frame)
        await self.push_frame(frame, direction)

    async def hear(self, frame):
        pass


class Decode(Stage):
    async def hear(self, frame):
        frame.audio = audioop.ulaw2lin(frame.audio, 2)


class Meter(Stage):
    loudest = 0

    async def hear(self, frame):
        self.loudest = max(self.loudest, audioop.rms(frame.audio, 2))


class Voice(Stage):
    speaks = False

    async def hear(self, frame):
        speaks = audioop.rms(frame.audio, 2) > 500
        if speaks != self.speaks:
            self.speaks = speaks
            edge = VADUserStartedSpeakingFrame() if speaks else VADUserStoppedSpeakingFrame()
            await self.push_frame(edge)


class Turns(Stage):
    silent = 0

    async def hear(self, frame):
        self.silent = self.silent + 1 if audioop.max(frame.audio, 2) < 500 else 0


class Encode(Stage):
    def __init__(self, socket):
        super().__init__()
        self.socket = socket

    async def hear(self, frame):
        await self.socket.send(audioop.lin2ulaw(frame.audio, 2))


async def answer(socket):
    pipeline = Pipeline([Decode(), Meter(), Voice(), Turns(), Encode(socket)])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(enable_metrics=False, audio_in_sample_rate=8000),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    run = asyncio.create_task(runner.run())
    async for message in socket:
        await worker.queue_frame(InputAudioRawFrame(audio=message, sample_rate=8000, num_channels=1))
    await worker.cancel()
    await run


async def main():
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        host, port = server.sockets[0].getsockname()[:2]
        print(f"{host}:{port}", flush=True)
        await server.serve_forever()


asyncio.run(main())
