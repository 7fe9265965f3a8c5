"""Pipecat's Smallest services against the simulator: text to speech, and that speech back to text."""

import asyncio

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.smallest.stt import SmallestSTTService
from pipecat.services.smallest.tts import SmallestTTSService

from checks import RATE, SENTENCE, Simulator, equal, run, true

logger.remove()
sim = Simulator()


class Sink(FrameProcessor):
    """Keeps every frame that reaches the end, and tells who waits for one."""

    def __init__(self):
        super().__init__()
        self.frames = []
        self._arrived = asyncio.Event()

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        self._arrived.set()
        await self.push_frame(frame, direction)

    def of(self, kind):
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def wait_for(self, kind, count=1):
        while len(self.of(kind)) < count:
            await self._arrived.wait()
            self._arrived.clear()


async def through(service, drive):
    """Runs a pipeline of one service while `drive` feeds it; gives the sink and the errors."""
    sink, errors = Sink(), []
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    task = PipelineTask(Pipeline([service, sink]), params=params)

    @service.event_handler("on_connection_error")
    async def on_connection_error(_service, error):
        errors.append(str(error))

    async def feed():
        await drive(task, sink, errors)
        await task.queue_frame(EndFrame())

    runner = PipelineRunner(handle_sigint=False)
    await asyncio.gather(runner.run(task), feed())
    return sink, errors


def text_to_speech():
    # Without a voice the model's own default is used.
    return SmallestTTSService(api_key=sim.key, base_url=sim.url)


def speech_to_text(key=None, **settings):
    settings = SmallestSTTService.Settings(**settings)
    return SmallestSTTService(api_key=key or sim.key, base_url=sim.url, settings=settings)


async def spoken(text=SENTENCE):
    async def drive(task, sink, _errors):
        await task.queue_frame(TTSSpeakFrame(text))
        await sink.wait_for(TTSStoppedFrame)

    sink, errors = await through(text_to_speech(), drive)
    equal(errors, [])
    equal(sink.of(ErrorFrame), [])
    return b"".join(frame.audio for frame in sink.of(TTSAudioRawFrame)), sink


async def speak_into(task, audio):
    """One turn, in frames of 20 ms, with the pause a voice detector needs."""
    await task.queue_frame(VADUserStartedSpeakingFrame())
    data = audio + bytes(RATE * 2 // 5)
    for start in range(0, len(data), 640):
        chunk = data[start : start + 640]
        await task.queue_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1))
        # The input lane of the pipeline must not run ahead of its clock by minutes.
        await asyncio.sleep(0.001)
    await task.queue_frame(VADUserStoppedSpeakingFrame())


def transcript(sink):
    return " ".join(frame.text for frame in sink.of(TranscriptionFrame))


async def until(sink, expected):
    """Waits until the finals say so; the check's deadline bounds it."""
    count = 0
    while transcript(sink) != expected:
        count += 1
        await sink.wait_for(TranscriptionFrame, count)


async def speech_comes_back_as_the_text_it_was_made_of():
    audio, _ = await spoken()

    async def drive(task, sink, _errors):
        await speak_into(task, audio)
        await until(sink, SENTENCE)

    sink, errors = await through(speech_to_text(), drive)
    equal(errors, [])
    true(sink.of(InterimTranscriptionFrame), "no interims")
    equal({str(frame.language) for frame in sink.of(TranscriptionFrame)}, {"en"})
    return f"{len(audio) / RATE / 2:.1f} s of audio"


async def speaking_is_framed_and_has_its_words():
    _, sink = await spoken("Hello there. How are you?")
    true(sink.of(TTSStartedFrame), "no start")
    words = " ".join(frame.text for frame in sink.of(TTSTextFrame))
    equal(words.split(), "Hello there. How are you?".split())


async def two_turns_share_a_connection():
    audio, _ = await spoken("Two turns.")
    before = len(sim.log("opened"))

    async def drive(task, sink, _errors):
        await speak_into(task, audio)
        await until(sink, "Two turns.")
        await speak_into(task, audio)
        await until(sink, "Two turns. Two turns.")

    await through(speech_to_text(), drive)
    equal(len(sim.log("opened")) - before, 1)


async def a_change_of_settings_reconnects():
    async def drive(task, _sink, _errors):
        delta = SmallestSTTService.Settings(language="fr")
        await task.queue_frame(STTUpdateSettingsFrame(delta=delta))

    before = len(sim.log("opened"))
    await through(speech_to_text(), drive)
    opened = sim.log("opened")[before:]
    equal([entry["query"]["language"] for entry in opened], ["en", "fr"])


async def a_finalize_follows_the_audio_it_is_for():
    audio, _ = await spoken("Count me.")

    async def drive(task, sink, _errors):
        await speak_into(task, audio)
        await until(sink, "Count me.")

    await through(speech_to_text(), drive)
    counted = [entry for entry in sim.log("audio") if entry["when"] == "finalize"][-1]
    equal(counted["bytes"], len(audio) + RATE * 2 // 5)


async def a_wrong_key_is_reported():
    async def drive(task, _sink, errors):
        while not errors:
            await asyncio.sleep(0.05)
        await task.cancel()

    _, errors = await through(speech_to_text(key="sk_wrong"), drive)
    true("401" in errors[0], f"reported {errors[0]!r}")


run(
    "pipecat-ai",
    [
        speech_comes_back_as_the_text_it_was_made_of,
        speaking_is_framed_and_has_its_words,
        two_turns_share_a_connection,
        a_change_of_settings_reconnects,
        a_finalize_follows_the_audio_it_is_for,
        a_wrong_key_is_reported,
    ],
)
