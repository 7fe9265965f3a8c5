//! The shared types: rates, durations and chunks that refuse what does not fit.

use std::time::Duration;

use voxline_audio::{Pcm, SampleRate};

#[test]
fn a_rate_counts_samples_and_time_without_rounding_up() {
    assert_eq!(SampleRate::new(0), None);
    assert_eq!(SampleRate::HZ_16000.samples_in(Duration::from_millis(20)), 320);
    let rate = SampleRate::new(44_100).unwrap();
    assert_eq!(rate.samples_in(Duration::from_millis(1)), 44);
    assert_eq!(rate.duration_of(44_100 * 3_600 * 24), Duration::from_secs(86_400));
    assert_eq!(rate.duration_of(1), Duration::from_nanos(22_675));
}

#[test]
fn interleaved_channels_must_be_whole_frames() {
    assert!(Pcm::interleaved([1_i16, 2, 3], SampleRate::HZ_8000, 2).is_none());
    assert!(Pcm::interleaved([1_i16, 2, 3], SampleRate::HZ_8000, 0).is_none());
    let stereo = Pcm::interleaved(vec![0_i16; 320], SampleRate::HZ_8000, 2).unwrap();
    assert_eq!((stereo.frames(), stereo.duration()), (160, Duration::from_millis(20)));
}

#[test]
fn a_chunk_is_shared_when_cloned_and_never_printed() {
    let pcm = Pcm::interleaved([12_345_i16, -12_345], SampleRate::HZ_48000, 2).unwrap();
    assert!(std::ptr::eq(pcm.samples(), pcm.clone().samples()));
    assert_eq!(format!("{pcm:?}"), "Pcm(1 samples, 48000 Hz, 2 channels)");
    assert_eq!(format!("{:?}", Pcm::mono([], SampleRate::HZ_8000)), "Pcm(0 samples, 8000 Hz)");
}
