//! What holds within files: sizes, headers, and what must not be written where.
//!
//! Each rule is a function from a file to the lines that break it; a failure names file, line and what to do.
//! The sources are read as rustfmt leaves them, so an item ends at the `}` under its first letter.
//!
//! Read next: `docs.rs`, what holds for the pages.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

mod support;
use support::{files, none, read};

/// No file is longer than this, tests apart.
const FILE_LINES: usize = 500;
/// Nine files in ten are no longer than this.
const FILE_LINES_P90: usize = 400;
/// No function is longer than this, tests apart.
const FUNCTION_LINES: usize = 100;

/// Files that decide and never wait: no clock, no task, no channel, no `async`.
const PURE: [&str; 33] = [
    "crates/audio/src/",
    "crates/core/src/frame/",
    "crates/core/src/playout.rs",
    "crates/recorder/src/bot.rs",
    "crates/recorder/src/clips.rs",
    "crates/recorder/src/recording",
    "crates/recorder/src/resampled.rs",
    "crates/recorder/src/timeline.rs",
    "crates/recorder/src/transcript/",
    "crates/recorder/src/user.rs",
    "crates/smallest-stt/src/message.rs",
    "crates/smallest-stt/src/session",
    "crates/smallest-stt/src/settings",
    "crates/smallest-tts/src/message.rs",
    "crates/smallest-tts/src/session",
    "crates/smallest-tts/src/settings",
    "crates/transport-local/src/clock.rs",
    "crates/turns/src/backchannel.rs",
    "crates/turns/src/conversation/",
    "crates/turns/src/floor/",
    "crates/turns/src/idle.rs",
    "crates/turns/src/mute/",
    "crates/turns/src/start/",
    "crates/turns/src/stop/",
    "crates/turns/src/utterances.rs",
    "crates/turns/src/words.rs",
    "crates/vad/src/",
    "crates/waves-sim/src/stt/",
    "crates/waves-sim/src/tts/",
    "crates/waves-sim/src/voice/",
    "crates/wire/src/backoff.rs",
    "crates/wire/src/liveness.rs",
    "crates/wire/src/session.rs",
];

/// A line of a file, and whether it is code (not a comment) and part of a test.
struct Line<'a> {
    number: usize,
    text: &'a str,
    is_code: bool,
    is_test: bool,
}

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn lines(&self) -> Vec<Line<'_>> {
        let of_tests = ["tests/", "crates/testkit/"].iter().any(|folder| self.path.starts_with(folder));
        let is_test_file = of_tests || self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        let mut in_tests = false;
        let lines = self.text.lines().enumerate().map(|(index, text)| {
            in_tests |= text == "#[cfg(test)]" || text.starts_with("#[cfg(all(test");
            let line = Line {
                number: index + 1,
                text,
                is_code: !text.trim_start().starts_with("//"),
                is_test: is_test_file || in_tests,
            };
            in_tests &= text != "}" && !(text.starts_with("mod ") && text.ends_with(';'));
            line
        });
        lines.collect()
    }

    /// The code lines outside tests for which `breaks` holds.
    fn code(&self, breaks: impl Fn(&str) -> bool) -> Vec<usize> {
        let lines = self.lines();
        let broken = lines.iter().filter(|line| line.is_code && !line.is_test && breaks(line.text));
        broken.map(|line| line.number).collect()
    }

    fn at(&self, lines: Vec<usize>, advice: &str) -> Vec<String> {
        lines.into_iter().map(|line| format!("{}:{line}: {advice}", self.path)).collect()
    }

    fn is_pure(&self) -> bool {
        PURE.iter().any(|prefix| self.path.starts_with(prefix)) && !self.path.ends_with("/tests.rs")
    }
}

fn sources() -> Vec<Source> {
    let paths = ["crates", "examples", "tests"].into_iter().flat_map(|folder| files(folder, &[".rs"]));
    paths.map(|path| Source { text: read(&path), path: path.to_string_lossy().replace('\\', "/") }).collect()
}

/// Holds every source to a rule.
fn hold(what: &str, rule: impl Fn(&Source) -> Vec<String>) {
    none(what, sources().iter().flat_map(rule).collect());
}

#[test]
fn every_file_says_first_what_it_is_for() {
    hold("files without a header", |source| {
        let first = source.text.lines().next().unwrap_or_default();
        let broken = if first.starts_with("//!") || first.starts_with("#!") { vec![] } else { vec![1] };
        source.at(broken, "begin with `//!`: what it is for, what it promises")
    });
}

#[test]
fn no_file_is_too_long() {
    let mut lengths: Vec<_> = sources()
        .into_iter()
        .map(|source| (source.lines().iter().filter(|line| !line.is_test).count(), source.path))
        .collect();
    lengths.sort_unstable();
    let long = lengths.iter().filter(|(lines, _)| *lines > FILE_LINES);
    let told =
        long.map(|(lines, path)| format!("{path}: {lines} lines, at most {FILE_LINES}: it wants to be two"));
    none("long files", told.collect());
    let (p90, path) = &lengths[lengths.len() * 9 / 10];
    assert!(
        *p90 <= FILE_LINES_P90,
        "one file in ten is longer than {FILE_LINES_P90} lines, e.g. {path}: {p90}"
    );
}

#[test]
fn no_function_is_too_long() {
    hold("long functions", |source| {
        let lines = source.lines();
        let mut broken = Vec::new();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.is_code && !line.is_test) {
            let Some(indent) = begins_function(line.text) else { continue };
            let closing = format!("{}}}", " ".repeat(indent));
            let body = lines[index..].iter().position(|line| line.text == closing).unwrap_or(0) + 1;
            if body > FUNCTION_LINES {
                broken
                    .push(format!("{}:{}: {body} lines, at most {FUNCTION_LINES}", source.path, line.number));
            }
        }
        broken
    });
}

/// The indent of a line that begins a function with a body of several lines.
fn begins_function(line: &str) -> Option<usize> {
    let code = line.trim_start();
    let mut words = code.split_whitespace().take_while(|word| !word.contains('<')).take(5);
    let is_function = words.any(|word| word == "fn") && !code.ends_with(';') && !code.ends_with('}');
    is_function.then(|| line.len() - code.len())
}

#[test]
fn no_comment_is_a_ruler() {
    hold("rulers", |source| {
        let is_ruler = |line: &&Line<'_>| {
            let comment = line.text.trim_start();
            let Some(comment) = comment.strip_prefix("//").filter(|rest| !rest.starts_with(['/', '!']))
            else {
                return false;
            };
            ["-----", "=====", "*****", "#####", "─────", "━━━━━", "~~~~~", "/////"]
                .iter()
                .any(|ruler| comment.contains(ruler))
        };
        let broken = source.lines().iter().filter(is_ruler).map(|line| line.number).collect();
        source.at(broken, "no ruler comments: a file that wants a ruler wants to be two")
    });
}

#[test]
fn unwrap_stays_in_tests() {
    hold("unwraps", |source| {
        let broken = source.code(|line| line.contains(".unwrap()"));
        source.at(broken, "handle it, or `expect` why it cannot happen")
    });
}

/// Who panics with a lock in hand must not take the call with it: a lock is taken over by whoever comes next.
#[test]
fn r_58_no_lock_of_the_media_graph_can_be_poisoned() {
    const OWN_PROCESS: [&str; 3] = ["crates/bench/", "crates/cli/", "examples/"];
    let (mut locks, mut broken) = (0, Vec::new());
    for source in sources() {
        let (lines, mut poisons) = (source.lines(), Vec::new());
        let is_told = |line: &&Line<'_>| line.is_code && !line.is_test;
        let code: Vec<_> = lines.iter().filter(is_told).collect();
        for (index, line) in code.iter().enumerate() {
            // `self.lock()` is a method of a type that locks within it.
            let Some((before, after)) = line.text.split_once(".lock()") else { continue };
            if before.ends_with("self") || OWN_PROCESS.iter().any(|own| source.path.starts_with(own)) {
                continue;
            }
            locks += 1;
            let next = code.get(index + 1).map_or("", |line| line.text);
            let then = if after.is_empty() { next.trim() } else { after };
            if !(then.starts_with(".unwrap_or_else(") && then.contains("PoisonError::into_inner)")) {
                poisons.push(line.number);
            }
        }
        broken.extend(source.at(poisons, "take it over: `unwrap_or_else(PoisonError::into_inner)`"));
    }
    none("locks that a panic would poison", broken);
    assert!(locks > 10, "this looks at the wrong thing: {locks} locks");
}

#[test]
fn shared_mutexes_and_unbounded_queues_say_why() {
    hold("unexplained", |source| {
        let lines = source.lines();
        let mut broken = Vec::new();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.is_code && !line.is_test) {
            let shared = line.text.contains("Arc<Mutex") || line.text.contains("Arc<RwLock");
            let unbounded = line.text.contains("unbounded_channel(") || line.text.contains("unbounded::<");
            let above = lines.get(index.wrapping_sub(1));
            let explained = line.text.contains("//")
                || above.is_some_and(|line| !line.is_code || line.text.contains("reason = \""));
            if (shared || unbounded) && !explained {
                broken.push(line.number);
            }
        }
        source.at(broken, "say why in a comment on the line or above it, or do without")
    });
}

#[test]
fn what_decides_never_waits() {
    const WAITING: [&str; 10] = [
        "Instant::now",
        "SystemTime",
        "tokio::spawn",
        "task::spawn",
        "thread::",
        "async fn",
        "async move",
        ".await",
        "tokio::time",
        "mpsc::",
    ];
    for prefix in PURE {
        assert!(
            sources().iter().any(|source| source.path.starts_with(prefix)),
            "no file begins with {prefix}"
        );
    }
    hold("pure files that wait", |source| {
        let broken = if source.is_pure() {
            source.code(|line| WAITING.iter().any(|word| line.contains(word)))
        } else {
            vec![]
        };
        source.at(broken, "this file decides: take `now` as an argument and leave waiting to the driver")
    });
}

#[test]
fn no_test_waits_for_real_time() {
    let all = sources();
    let pauses = |source: &Source| {
        ["start_paused = true", "start_paused(true)", "time::pause()", "Harness::new("]
            .iter()
            .any(|how| source.text.contains(how))
    };
    let mut broken = Vec::new();
    for source in all.iter().filter(|source| !source.path.ends_with("tests/tidy.rs")) {
        // A helper is as paused as the tests beside it.
        let beside = source.path.strip_suffix("/mod.rs").and_then(|folder| folder.rsplit_once('/'));
        let paused = match beside {
            Some((tests, _)) => all.iter().any(|other| other.path.starts_with(tests) && pauses(other)),
            None => pauses(source),
        };
        let sleeps = |line: &&Line<'_>| {
            let blocks = line.text.contains("thread::sleep");
            let waits = line.text.contains("time::sleep(") || line.text.trim_start().starts_with("sleep(");
            line.is_code && line.is_test && (blocks || (waits && !paused))
        };
        let lines = source.lines().iter().filter(sleeps).map(|line| line.number).collect();
        broken.extend(source.at(lines, "wait for what should happen, or pause tokio's time"));
    }
    none("tests that sleep", broken);
}

#[test]
fn tests_are_named_as_sentences() {
    hold("test names", |source| {
        let lines = source.lines();
        let named = |line: &&Line<'_>| line.text.trim_start().starts_with("fn test_") && line.is_test;
        source.at(
            lines.iter().filter(named).map(|line| line.number).collect(),
            "no `test_` prefix: say what holds",
        )
    });
}

#[test]
fn lints_are_silenced_only_with_a_reason() {
    hold("silenced lints", |source| {
        let lines = source.lines();
        let silent = |line: &&Line<'_>| {
            let code = line.text.trim_start();
            let starts = ["#[allow(", "#![allow("].iter().any(|word| code.starts_with(word));
            starts && !line.is_test
        };
        let broken = lines.iter().filter(silent).map(|line| line.number).collect();
        source.at(broken, "`#[expect(…, reason = \"…\")]`, which fails when it is no longer needed")
    });
}

#[test]
fn nothing_is_left_to_do_in_the_sources() {
    let marks = ["TO-DO", "FIX-ME", "X-XX"].map(|mark| mark.replace('-', ""));
    hold("unfinished", |source| {
        let broken = source
            .lines()
            .iter()
            .filter(|line| marks.iter().any(|mark| line.text.contains(mark)))
            .map(|line| line.number)
            .collect();
        source.at(broken, "do it, or write it into an issue")
    });
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Written apart, so that this file does not find itself.
    let machine = [("/wo", "rk/"), ("/ho", "me/"), ("/ro", "ot/"), ("/Us", "ers/"), ("/tm", "p/")]
        .map(|(a, b)| format!("{a}{b}"));
    let endings = [".rs", ".toml", ".md", ".yml", ".py", ".sh", ".json", ".snap"];
    let mut broken = Vec::new();
    let folders =
        ["crates", "examples", "tests", "docs", ".ci"].into_iter().flat_map(|folder| files(folder, &endings));
    for path in folders.chain(["Cargo.toml", "README.md", ".ci/run"].map(Into::into)) {
        for (number, line) in read(&path).lines().enumerate() {
            if machine.iter().any(|machine| names_folder(line, machine)) {
                broken.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    none("paths of one machine", broken);
}

/// Whether `line` names a folder at the root of a disk; `docs/work/` and `https://host/work/` do not.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| {
            !before.is_alphanumeric() && !['/', '-', '_', '.', '}', ':'].contains(&before)
        })
    })
}
