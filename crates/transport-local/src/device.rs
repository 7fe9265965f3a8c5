//! The devices: a thread that opens them, and the callbacks that the system calls.
//!
//! Opening may take long, or for ever behind a sound server that hangs, and streams belong to the thread that opened
//! them: so they have a thread of their own, which opens, tells, waits to be told to go, and closes. Callbacks copy
//! samples between the device and a ring, and count; they do nothing else. A glitch is counted; the stream goes on,
//! since opening it anew would make a dropout of a click. A stream that is lost says so by a flag.

use std::{sync::mpsc, thread, time::Duration};

use cpal::{
    FromSample, Sample as _, SampleFormat, SizedSample, Stream, SupportedStreamConfig,
    traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _},
};
use voxline_audio::{Background, Pcm, SampleRate};

use crate::{
    LocalConfig, LocalError, LocalStats,
    ring::{Reader, Writer, ring},
};

/// How long the system may take to open the devices.
const OPENS_WITHIN: Duration = Duration::from_secs(5);
/// What a ring holds: longer than any hold-up that a call survives.
const RING: Duration = Duration::from_secs(2);

const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// A device of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its name, as [`LocalConfig`] takes it.
    pub name: String,
    /// Whether it can be listened to.
    pub input: bool,
    /// Whether it can be played to.
    pub output: bool,
    /// Whether it is the system's default to listen to.
    pub default_input: bool,
    /// Whether it is the system's default to play to.
    pub default_output: bool,
}

/// What there is. Empty where there is no sound at all. Blocks while the system looks.
///
/// # Errors
/// When the system cannot be asked.
pub fn devices() -> Result<Vec<DeviceInfo>, LocalError> {
    let host = cpal::default_host();
    let found = host.devices().map_err(|error| LocalError::of("the system's sound", &error))?;
    let id = |device: Option<cpal::Device>| device.and_then(|device| device.id().ok());
    let (input, output) = (id(host.default_input_device()), id(host.default_output_device()));
    let listed = found.map(|device| {
        let own = device.id().ok();
        DeviceInfo {
            name: name(&device),
            input: device.supports_input(),
            output: device.supports_output(),
            default_input: own.is_some() && own == input,
            default_output: own.is_some() && own == output,
        }
    });
    Ok(listed.collect())
}

/// An open device: its name, its rate, and its end of the ring.
#[derive(Debug)]
pub(crate) struct Open<E> {
    pub(crate) name: String,
    pub(crate) rate: SampleRate,
    pub(crate) end: E,
}

/// Both devices. They are closed when the last [`Keeper`] is gone.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) input: Open<Reader>,
    pub(crate) output: Open<Writer>,
    pub(crate) keeper: Keeper,
}

/// Keeps the devices open.
#[derive(Clone, Debug)]
pub(crate) struct Keeper(
    #[expect(dead_code, reason = "the thread ends when it is dropped")] mpsc::SyncSender<()>,
);

/// Opens both devices. Blocks for up to five seconds.
/// `background`: a sound and its gain, to be played under everything.
pub(crate) fn open(
    config: LocalConfig,
    background: Option<(Pcm, f32)>,
    stats: LocalStats,
) -> Result<Opened, LocalError> {
    let (told, outcome) = mpsc::sync_channel(1);
    let (keeper, kept) = mpsc::sync_channel::<()>(0);
    let devices = move || {
        let opened = open_both(&config, background, &stats);
        let (streams, ends) = match opened {
            Ok((input, output, streams)) => (Some(streams), Ok((input, output))),
            Err(error) => (None, Err(error)),
        };
        // Nobody waits any more when it took too long; then the streams are closed at once.
        if told.send(ends).is_ok() {
            // Ends when the last keeper is dropped: nothing is ever sent.
            let _ = kept.recv();
        }
        drop(streams);
    };
    thread::Builder::new().name("voxline-local-audio".into()).spawn(devices).map_err(|error| {
        LocalError::System { device: "the thread of the devices".into(), what: error.to_string() }
    })?;
    match outcome.recv_timeout(OPENS_WITHIN) {
        Ok(Ok((input, output))) => Ok(Opened { input, output, keeper: Keeper(keeper) }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(LocalError::TimedOut { after: OPENS_WITHIN }),
    }
}

type Both = (Open<Reader>, Open<Writer>, [Stream; 2]);

fn open_both(
    config: &LocalConfig,
    background: Option<(Pcm, f32)>,
    stats: &LocalStats,
) -> Result<Both, LocalError> {
    let input = find(INPUT, config.input.as_deref())?;
    let output = find(OUTPUT, config.output.as_deref())?;
    let (listens, plays) = (capture(&input, stats)?, play(&output, background, stats)?);
    for (stream, device) in [(&listens.0, &input), (&plays.0, &output)] {
        stream.play().map_err(|error| LocalError::of(&name(device), &error))?;
    }
    Ok((listens.1, plays.1, [listens.0, plays.0]))
}

fn find(direction: &'static str, wanted: Option<&str>) -> Result<cpal::Device, LocalError> {
    let host = cpal::default_host();
    let is_input = direction == INPUT;
    let usable =
        |device: &cpal::Device| if is_input { device.supports_input() } else { device.supports_output() };
    let found = match wanted {
        None if is_input => {
            host.default_input_device().filter(|device| is_there(device.default_input_config()))
        }
        None => host.default_output_device().filter(|device| is_there(device.default_output_config())),
        Some(wanted) => host
            .devices()
            .ok()
            .and_then(|mut all| all.find(|device| usable(device) && name(device) == wanted)),
    };
    found.ok_or_else(|| {
        let there = host.devices().map(|all| all.filter(usable).map(|device| name(&device)).collect());
        LocalError::NoDevice { direction, name: wanted.map(str::to_owned), there: there.unwrap_or_default() }
    })
}

/// Whether a default device exists. ALSA names one without looking, and does not say which ways it goes; anything but
/// "not available" is better told when it is opened.
fn is_there(offered: Result<SupportedStreamConfig, cpal::Error>) -> bool {
    !matches!(offered, Err(error) if error.kind() == cpal::ErrorKind::DeviceNotAvailable)
}

fn capture(device: &cpal::Device, stats: &LocalStats) -> Result<(Stream, Open<Reader>), LocalError> {
    let name = name(device);
    let offered = device.default_input_config().map_err(|error| LocalError::of(&name, &error))?;
    let rate = rate_of(&name, &offered)?;
    let (writer, reader) = ring(samples_in(rate));
    let stream = match offered.sample_format() {
        SampleFormat::F32 => listen::<f32>(device, &offered, writer, stats),
        SampleFormat::I16 => listen::<i16>(device, &offered, writer, stats),
        SampleFormat::I32 => listen::<i32>(device, &offered, writer, stats),
        SampleFormat::U16 => listen::<u16>(device, &offered, writer, stats),
        SampleFormat::U8 => listen::<u8>(device, &offered, writer, stats),
        other => return Err(LocalError::Format { device: name, what: other.to_string() }),
    };
    Ok((stream.map_err(|error| LocalError::of(&name, &error))?, Open { name, rate, end: reader }))
}

fn play(
    device: &cpal::Device,
    background: Option<(Pcm, f32)>,
    stats: &LocalStats,
) -> Result<(Stream, Open<Writer>), LocalError> {
    let name = name(device);
    let offered = device.default_output_config().map_err(|error| LocalError::of(&name, &error))?;
    let rate = rate_of(&name, &offered)?;
    let (writer, reader) = ring(samples_in(rate));
    let background = background.map(|(sound, gain)| Background::at_rate(&sound, rate, gain)).transpose();
    let under = background.map_err(|source| LocalError::Rate { device: name.clone(), source })?;
    let stream = match offered.sample_format() {
        SampleFormat::F32 => speak::<f32>(device, &offered, reader, under, stats),
        SampleFormat::I16 => speak::<i16>(device, &offered, reader, under, stats),
        SampleFormat::I32 => speak::<i32>(device, &offered, reader, under, stats),
        SampleFormat::U16 => speak::<u16>(device, &offered, reader, under, stats),
        SampleFormat::U8 => speak::<u8>(device, &offered, reader, under, stats),
        other => return Err(LocalError::Format { device: name, what: other.to_string() }),
    };
    Ok((stream.map_err(|error| LocalError::of(&name, &error))?, Open { name, rate, end: writer }))
}

/// The first channel of the microphone; the others of most devices are copies of it.
fn listen<T>(
    device: &cpal::Device,
    offered: &SupportedStreamConfig,
    mut writer: Writer,
    stats: &LocalStats,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    i16: FromSample<T>,
{
    let channels = usize::from(offered.channels()).max(1);
    let (counts, told) = (stats.clone(), stats.clone());
    let mut dropped = 0;
    let data = move |samples: &[T], _: &cpal::InputCallbackInfo| {
        let first = samples.chunks_exact(channels).map(|frame| i16::from_sample(frame[0]));
        counts.add_captured(first.len());
        writer.write(first);
        counts.add_overrun(writer.dropped() - dropped);
        dropped = writer.dropped();
    };
    device.build_input_stream(offered.config(), data, move |error| hear_of(&told, true, &error), None)
}

/// The same on every channel of the speaker; silence, or the background alone, where the ring is empty.
fn speak<T>(
    device: &cpal::Device,
    offered: &SupportedStreamConfig,
    mut reader: Reader,
    mut background: Option<Background>,
    stats: &LocalStats,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample + FromSample<i16>,
{
    let channels = usize::from(offered.channels()).max(1);
    let (counts, told) = (stats.clone(), stats.clone());
    let mut sounding = false;
    let data = move |samples: &mut [T], _: &cpal::OutputCallbackInfo| {
        let frames = samples.len() / channels;
        let read = fill(samples, channels, &mut reader, background.as_mut());
        counts.add_played(read);
        if read < frames && sounding {
            counts.count_underrun();
        }
        sounding = read == frames;
    };
    device.build_output_stream(offered.config(), data, move |error| hear_of(&told, false, &error), None)
}

/// Fills frames of the device from the ring, with the background under them. Gives how many the ring had.
fn fill<T: SizedSample + FromSample<i16>>(
    samples: &mut [T],
    channels: usize,
    reader: &mut Reader,
    mut background: Option<&mut Background>,
) -> usize {
    let mut mixed = |voice: i16| {
        let under = background.as_mut().map_or(0, |background| background.next_sample());
        T::from_sample(voice.saturating_add(under))
    };
    let frames = samples.len() / channels;
    let mut places = samples.chunks_exact_mut(channels);
    let read = reader.read(frames, |sample| {
        if let Some(place) = places.next() {
            place.fill(mixed(sample));
        }
    });
    places.for_each(|place| place.fill(mixed(0)));
    read
}

/// On the system's thread: a flag or a counter, nothing else.
fn hear_of(stats: &LocalStats, input: bool, error: &cpal::Error) {
    use cpal::ErrorKind as Kind;

    match error.kind() {
        Kind::Xrun | Kind::RealtimeDenied | Kind::DeviceChanged => stats.count_glitch(),
        _ => stats.lose(input),
    }
}

fn name(device: &cpal::Device) -> String {
    device.description().map_or_else(|_| "a device without a name".to_owned(), |told| told.name().to_owned())
}

fn rate_of(name: &str, offered: &SupportedStreamConfig) -> Result<SampleRate, LocalError> {
    SampleRate::new(offered.sample_rate())
        .ok_or_else(|| LocalError::Format { device: name.to_owned(), what: "a rate of zero".into() })
}

fn samples_in(rate: SampleRate) -> usize {
    usize::try_from(rate.samples_in(RING)).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(crate) mod fake {
    //! Devices whose callbacks are the test's own.

    use super::*;

    pub(crate) fn microphone(rate: SampleRate) -> (Open<Reader>, Keeper, Writer) {
        let (writer, reader) = ring(samples_in(rate));
        (Open { name: "a microphone".into(), rate, end: reader }, keeper(), writer)
    }

    pub(crate) fn speaker(rate: SampleRate) -> (Open<Writer>, Keeper, Reader) {
        let (writer, reader) = ring(samples_in(rate));
        (Open { name: "a speaker".into(), rate, end: writer }, keeper(), reader)
    }

    fn keeper() -> Keeper {
        Keeper(mpsc::sync_channel(0).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_refused_by_name() {
        let config = LocalConfig { input: Some("the moon".into()), output: None };
        let error = open(config, None, LocalStats::default()).unwrap_err();
        assert!(matches!(error, LocalError::NoDevice { direction: "input", name: Some(_), .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("no input device named \"the moon\"; there are: "), "{text}");
    }

    #[test]
    fn the_background_goes_on_under_and_between_what_is_said_on_every_channel() {
        let sound = Pcm::mono([1_i16, 2, 3], SampleRate::HZ_16000);
        let mut background = Background::new(&sound, 1.0);
        let (mut writer, mut reader) = ring(16);
        writer.write([100_i16, i16::MAX].into_iter());
        let mut frames = [0_i16; 10];
        assert_eq!(fill(&mut frames, 2, &mut reader, Some(&mut background)), 2);
        assert_eq!(frames, [101, 101, i16::MAX, i16::MAX, 3, 3, 1, 1, 2, 2]);
        let mut frames = [7_u8; 2];
        assert_eq!(fill(&mut frames, 1, &mut reader, None), 0);
        assert_eq!(frames, [128, 128], "silence of a format without sign");
    }

    #[test]
    fn a_default_device_that_is_busy_is_there_and_one_that_is_not_available_is_not() {
        let failed = |kind| is_there(Err(cpal::Error::new(kind)));
        assert!(failed(cpal::ErrorKind::DeviceBusy) && failed(cpal::ErrorKind::PermissionDenied));
        assert!(!failed(cpal::ErrorKind::DeviceNotAvailable));
    }

    #[test]
    fn a_lost_device_is_told_from_a_glitch() {
        let stats = LocalStats::default();
        hear_of(&stats, true, &cpal::Error::new(cpal::ErrorKind::Xrun));
        assert_eq!((stats.glitches(), stats.is_lost(true)), (1, false));
        hear_of(&stats, true, &cpal::Error::new(cpal::ErrorKind::DeviceNotAvailable));
        assert_eq!((stats.glitches(), stats.is_lost(true), stats.is_lost(false)), (1, true, false));
    }
}
