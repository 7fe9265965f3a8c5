"""LiveKit's Smallest plugin against the simulator: text to speech, and that speech back to text."""

import inspect

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions, APIStatusError, stt
from livekit.plugins import smallestai

from checks import RATE, SENTENCE, Simulator, equal, run, true

sim = Simulator()
# Longer than the 4 s the service holds back a `complete`.
PATIENT = APIConnectOptions(max_retry=0, timeout=20)


async def spoken(**options):
    """The PCM of the sentence, and the timed words."""
    async with aiohttp.ClientSession() as session:
        tts = smallestai.TTS(
            api_key=sim.key,
            sample_rate=RATE,
            ws_url=f"{sim.url}/waves/v1/tts/live",
            http_session=session,
            **options,
        )
        audio, words = bytearray(), []
        async with tts.stream(conn_options=PATIENT) as stream:
            for word in SENTENCE.split():
                stream.push_text(word + " ")
            stream.end_input()
            async for event in stream:
                audio += event.frame.data.tobytes()
                words += [str(word) for word in event.frame.userdata.get("lk.timed_transcripts", [])]
        await tts.aclose()
        return bytes(audio), words


async def heard(audio, key=None, trailing_silence=True, **options):
    """The events a stream of that audio gives."""
    async with aiohttp.ClientSession() as session:
        service = smallestai.STT(
            api_key=key or sim.key,
            sample_rate=RATE,
            base_url=f"{sim.http_url}/waves/v1",
            http_session=session,
            **options,
        )
        events = []
        async with service.stream(conn_options=PATIENT) as stream:
            silence = bytes(RATE * 2) if trailing_silence else b""
            data = audio + silence
            for start in range(0, len(data), 640):
                chunk = data[start : start + 640]
                stream.push_frame(rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2))
            stream.end_input()
            async for event in stream:
                events.append(event)
        return events


def finals(events):
    kind = stt.SpeechEventType.FINAL_TRANSCRIPT
    return [event.alternatives[0] for event in events if event.type == kind]


def text(events):
    return " ".join(final.text for final in finals(events))


async def speech_comes_back_as_the_text_it_was_made_of():
    audio, _ = await spoken()
    equal(text(await heard(audio)), SENTENCE)
    return f"{len(audio) / RATE / 2:.1f} s of audio"


async def the_legacy_protocol_works_too():
    # Versions before continuations know no other.
    if "use_continuations" not in inspect.signature(smallestai.TTS).parameters:
        return "the only one of this version"
    audio, _ = await spoken(use_continuations=False)
    equal(text(await heard(audio)), SENTENCE)


async def word_times_of_speech_arrive():
    _, words = await spoken(word_timestamps=True)
    equal([word.strip() for word in words], SENTENCE.split())


async def interims_speech_edges_and_words_arrive():
    audio, _ = await spoken()
    events = await heard(audio, diarize=True)
    kinds = {event.type for event in events}
    for kind in ("START_OF_SPEECH", "INTERIM_TRANSCRIPT", "FINAL_TRANSCRIPT", "END_OF_SPEECH"):
        true(getattr(stt.SpeechEventType, kind) in kinds, f"no {kind}")
    words = [word for final in finals(events) for word in final.words]
    equal([str(word) for word in words], SENTENCE.split())
    true(all(a.start_time <= b.start_time for a, b in zip(words, words[1:])), "word times go back")


async def the_bytes_that_arrive_are_those_sent():
    audio, _ = await spoken()
    await heard(audio, trailing_silence=False)
    counted = [entry for entry in sim.log("audio") if entry["when"] == "close_stream"][-1]
    equal(counted["bytes"], len(audio))


async def a_wrong_key_is_refused_with_401():
    try:
        await heard(bytes(RATE), key="sk_wrong")
    except APIStatusError as error:
        equal(error.status_code, 401)
    except aiohttp.WSServerHandshakeError as error:
        # Versions before 1.8 let this one through.
        equal(error.status, 401)
    else:
        raise AssertionError("was not refused")


run(
    "livekit-plugins-smallestai",
    [
        speech_comes_back_as_the_text_it_was_made_of,
        the_legacy_protocol_works_too,
        word_times_of_speech_arrive,
        interims_speech_edges_and_words_arrive,
        the_bytes_that_arrive_are_those_sent,
        a_wrong_key_is_refused_with_401,
    ],
)
