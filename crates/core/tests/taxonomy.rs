//! The table of frame kinds: in the code, in `docs/processors.md`, and in the samples, the same.

use voxline_core::frame::{Class, Direction, Frame, FrameKind, KindSet};
use voxline_testkit::samples;

const PAGE: &str = include_str!("../../../docs/processors.md");

/// The table as the page must show it.
fn table() -> String {
    let rows = FrameKind::ALL.iter().map(|kind| {
        let rule = kind.rule();
        let class = match rule.class {
            Class::Signal => "signal",
            Class::Data => "data",
            Class::Control => "control",
        };
        let direction = match rule.direction {
            _ if *kind == FrameKind::Interrupt => "everywhere",
            Direction::Down => "down",
            Direction::Up => "up",
        };
        let fate = match kind {
            FrameKind::Custom => "as it says",
            _ if rule.survives => "survives",
            _ => "dropped",
        };
        format!("| `{}` | {class} | {direction} | {fate} |", kind.name())
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_shows_the_table_of_the_code() {
    let is_row = |line: &&str| line.starts_with("| `") && line.split('|').count() == 6;
    let kinds =
        |line: &&str| FrameKind::ALL.iter().any(|kind| line.starts_with(&format!("| `{}` |", kind.name())));
    let shown: Vec<_> = PAGE.lines().filter(is_row).filter(kinds).collect();
    assert_eq!(shown.join("\n"), table(), "the table in docs/processors.md; it should be:\n{}", table());
}

#[test]
fn every_kind_has_a_sample_that_follows_its_rule() {
    for &kind in FrameKind::ALL {
        let (frame, rule) = (samples::frame(kind, "x"), kind.rule());
        assert_eq!(frame.direction(), rule.direction, "{kind:?}");
        assert_eq!(frame.survives_interruption(), rule.survives, "{kind:?}");
        assert_eq!(frame.payload.is_signal(), rule.class == Class::Signal, "{kind:?}");
    }
}

#[test]
fn r_33_what_must_live_is_declared_to_survive() {
    let survivors = [
        FrameKind::End,
        FrameKind::Error,
        FrameKind::Transcription,
        FrameKind::InputAudio,
        FrameKind::SttUpdateSettings,
        FrameKind::TtsUpdateSettings,
        FrameKind::SettingsAnswered,
        FrameKind::ToolSettled,
        FrameKind::SpeechStarted,
        FrameKind::SpeechStopped,
    ];
    assert!(survivors.iter().all(|kind| kind.rule().survives));
    let spoken = [FrameKind::Text, FrameKind::OutputAudio, FrameKind::TtsWord, FrameKind::Speak];
    assert!(spoken.iter().all(|kind| !kind.rule().survives));
}

#[test]
fn a_set_of_kinds_holds_what_was_put_in_it() {
    for &kind in FrameKind::ALL {
        let set = KindSet::of(&[kind]);
        assert!(FrameKind::ALL.iter().all(|&other| set.contains(other) == (other == kind)), "{kind:?}");
        assert!(KindSet::ALL.contains(kind) && !KindSet::ALL.without(kind).contains(kind));
        assert_eq!(set.without(kind), KindSet::NONE);
    }
}

#[test]
fn a_frame_is_small_and_its_debug_shows_no_speech() {
    assert!(size_of::<Frame>() <= 64);
    for frame in samples::every_kind("a secret") {
        let shown = format!("{frame:?}");
        let says = [FrameKind::Error, FrameKind::Custom];
        assert!(says.contains(&frame.kind()) || !shown.contains("secret"), "{shown}");
    }
}
