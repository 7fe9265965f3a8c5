//! Tables of frames and the edges they make. Frames are 10 ms, one letter each:
//! `S` surely speech, `m` maybe (between the thresholds), `.` no speech, `q` speech, but too quiet.

use proptest::prelude::*;

use super::*;

const FRAME: Duration = Duration::from_millis(10);
const HANGOVER: Duration = Duration::from_millis(30);

fn params() -> VadParams {
    VadParams {
        start_confidence: 0.6,
        keep_confidence: 0.4,
        start_window: 4 * FRAME,
        stop_window: 6 * FRAME,
        min_level_dbfs: -50.0,
        ..Default::default()
    }
}

fn frame(index: u32, letter: char) -> Judged {
    let (probability, level_dbfs) = match letter {
        'S' => (0.6, -20.0),
        'm' => (0.4, -20.0),
        '.' => (0.39, -20.0),
        'q' => (1.0, -50.1),
        _ => panic!("{letter} is no frame"),
    };
    Judged { start: index * FRAME, end: (index + 1) * FRAME, probability, level_dbfs }
}

/// The edges in milliseconds: `+at/confirmed_after` for a start, `-…` for a stop.
fn edges(edges: &mut Edges, from: u32, frames: &str) -> Vec<String> {
    let letters = frames.chars().filter(|c| !c.is_whitespace());
    letters
        .zip(from..)
        .filter_map(|(letter, index)| edges.handle_frame(frame(index, letter)))
        .map(show)
        .collect()
}

fn show(edge: Edge) -> String {
    match edge {
        Edge::Started { at, confirmed_after } => {
            format!("+{}/{}", at.as_millis(), confirmed_after.as_millis())
        }
        Edge::Stopped { at, confirmed_after } => {
            format!("-{}/{}", at.as_millis(), confirmed_after.as_millis())
        }
    }
}

#[test]
fn edges_follow_the_windows_and_both_thresholds() {
    let table: &[(&str, &str, &[&str])] = &[
        ("silence is quiet", "..........", &[]),
        ("a start takes the whole window", "..SSS", &[]),
        ("and is where speech began", "..SSSS", &["+20/40"]),
        ("maybe is not enough to begin", "mmmmmmmmmm", &[]),
        ("maybe does not complete a start", "SSSmmmmm", &[]),
        ("a quarter of the window may be missed", "S.SS", &["+0/40"]),
        ("more may not", "S..SSS....", &[]),
        ("speech after a false start begins anew", "S..SSSS", &["+30/40"]),
        ("what is too quiet does not begin", "qqqqqqqqqq", &[]),
        ("maybe keeps speech going", "SSSSmmmmmmmmmmmm", &["+0/40"]),
        ("a pause within the window is bridged", "SSSSSSSS..S..S..S", &["+0/40"]),
        // Speech ended 30 ms before the detector noticed: 30 ms more make the window of 60.
        ("the hangover is taken off and not waited for", "SSSSSSSS...", &["+0/40", "-50/60"]),
        ("but not past the beginning", "SSSS......", &["+0/40", "-10/60"]),
        ("a fallen level gives the end exactly", "SSSSSSSSqqqqqq", &["+0/40", "-80/60"]),
        ("also where the detector falls silent later", "SSSSSSSSq.....", &["+0/40", "-80/60"]),
        ("five frames of it are not yet an end", "SSSSSSSSqqqqq", &["+0/40"]),
        ("after a stop, maybe is not enough again", "SSSSSSSS...mmmmmm", &["+0/40", "-50/60"]),
        ("two utterances", "SSSSS......SSSSS...", &["+0/40", "-20/60", "+110/40", "-130/60"]),
    ];
    for (name, frames, expected) in table {
        let mut state = Edges::new(params(), HANGOVER);
        assert_eq!(edges(&mut state, 0, frames), *expected, "{name}");
    }
}

#[test]
fn windows_of_nothing_take_one_frame() {
    let params = VadParams { start_window: Duration::ZERO, stop_window: Duration::ZERO, ..params() };
    let mut state = Edges::new(params, Duration::ZERO);
    assert_eq!(edges(&mut state, 0, ".S.S"), ["+10/10", "-20/10", "+30/10"]);
}

#[test]
fn audio_that_ceases_within_speech_ends_it_where_it_was_last_heard() {
    let waited = Duration::from_secs(1);
    for (frames, expected) in [
        ("....", None),
        ("SSS", None),
        ("SSSSSSS", Some("-70/1000")),
        ("SSSSSSS.", Some("-40/1040")),
        ("SSSSSSSqq", Some("-70/1020")),
        ("SSSSSSSqqqqqq", None),
    ] {
        let mut state = Edges::new(params(), HANGOVER);
        edges(&mut state, 0, frames);
        assert_eq!(state.handle_ceased(waited).map(show).as_deref(), expected, "{frames}");
        assert!(!state.is_speaking());
        assert_eq!(state.handle_ceased(waited), None, "once is enough");
        assert_eq!(edges(&mut state, 100, "SSS"), [""; 0], "what was heard before does not count");
    }
}

#[test]
fn parameters_change_in_mid_speech_without_losing_what_was_counted() {
    let mut state = Edges::new(params(), HANGOVER);
    assert_eq!(edges(&mut state, 0, "SSS"), [""; 0]);
    state.set_params(VadParams { start_window: 5 * FRAME, ..params() });
    assert_eq!(edges(&mut state, 3, "S"), [""; 0]);
    assert_eq!(edges(&mut state, 4, "S"), ["+0/50"]);

    // 30 ms of hangover and 20 ms of silence count towards the longer window.
    assert_eq!(edges(&mut state, 5, ".."), [""; 0]);
    state.set_params(VadParams { stop_window: 8 * FRAME, ..params() });
    assert_eq!(edges(&mut state, 7, ".."), [""; 0]);
    assert!(state.is_speaking());
    assert_eq!(edges(&mut state, 9, "."), ["-20/80"]);

    // A higher threshold makes a start of nothing that was not one.
    state.set_params(VadParams { start_confidence: 0.9, ..params() });
    assert_eq!(edges(&mut state, 20, "SSSSSSSS"), [""; 0]);
}

#[test]
fn a_shorter_window_takes_effect_at_the_next_frame() {
    let mut state = Edges::new(params(), HANGOVER);
    edges(&mut state, 0, "SSSSSSS.");
    state.set_params(VadParams { stop_window: FRAME, ..params() });
    assert_eq!(edges(&mut state, 8, "."), ["-40/50"]);
}

fn any_frame() -> impl Strategy<Value = Judged> {
    let second = 0..60_000_u64;
    (second.clone(), second, any::<f32>(), any::<f32>()).prop_map(|(start, end, probability, level_dbfs)| {
        let (start, end) = (Duration::from_millis(start), Duration::from_millis(end));
        Judged { start, end, probability, level_dbfs }
    })
}

proptest! {
    #[test]
    fn starts_and_stops_alternate_in_order(letters in "[Sm.q]{0,400}", ceased in prop::option::of(0..400_u32)) {
        let mut state = Edges::new(params(), HANGOVER);
        let mut found = Vec::new();
        for (index, letter) in (0..).zip(letters.chars()) {
            if Some(index) == ceased {
                found.extend(state.handle_ceased(Duration::from_secs(1)));
            }
            found.extend(state.handle_frame(frame(index, letter)));
            prop_assert_eq!(state.is_speaking(), found.len() % 2 == 1);
        }
        let mut previous = Duration::ZERO;
        for (index, edge) in found.iter().enumerate() {
            let at = match *edge {
                Edge::Started { at, .. } => { prop_assert!(index % 2 == 0); at }
                Edge::Stopped { at, .. } => { prop_assert!(index % 2 == 1); at }
            };
            prop_assert!(previous <= at, "{:?}", found);
            previous = at;
        }
    }

    #[test]
    fn clocks_that_jump_and_numbers_that_are_none_do_not_panic(
        frames in prop::collection::vec(any_frame(), 0..100),
    ) {
        let mut state = Edges::new(params(), HANGOVER);
        let mut open = false;
        for frame in frames {
            if let Some(edge) = state.handle_frame(frame) {
                prop_assert_eq!(matches!(edge, Edge::Stopped { .. }), open);
                open = !open;
            }
        }
    }
}
