//! What a message of audio costs in allocations: always the same few, however long the answer is.

use allocation_counter::measure;
use voxline_core::service::TtsEvent;
use voxline_wire::{ConnectionId, Happened, Message, Session as _};

use super::{Bench, audio};

const MESSAGES: usize = 200;
/// The fields of the JSON object, its audio as text, as bytes and as samples, and growing buffers now and then.
const EACH: usize = 18;

#[test]
fn a_message_of_audio_allocates_a_few_times_at_every_point_of_an_answer() {
    let mut bench = Bench::open();
    bench.speak(1, "An answer of any length.");
    bench.take_sent();
    let text = format!(
        r#"{{"request_id":"task_1_0","external_request_id":"00005eed.1.0","status":"chunk","data":{{"audio":"{}"}}}}"#,
        audio(800)
    );
    let mut counted = || {
        let messages: Vec<String> = vec![text.clone(); MESSAGES];
        let mut chunks = 0;
        let count = measure(|| {
            for message in messages {
                let heard = Happened::Message(Message::Text(message));
                bench.session.handle_connection(bench.now, ConnectionId(1), heard);
                while bench.session.poll_transmit().is_some() {}
                while let Some(event) = bench.session.poll_event() {
                    chunks += usize::from(matches!(event, TtsEvent::Audio { .. }));
                }
            }
        })
        .count_total as usize;
        assert_eq!(chunks, MESSAGES);
        count
    };
    let (first, later) = (counted(), counted());
    assert!(first <= EACH * MESSAGES, "{first} allocations for {MESSAGES} messages");
    assert!(later <= first, "{later} allocations for {MESSAGES} messages, after {first} for as many before");
}
