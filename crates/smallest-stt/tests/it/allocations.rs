//! What audio on its way out and a transcription on its way in cost in allocations: always the same few.

use allocation_counter::measure;
use smallest_stt::session::SttSession;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::service::{SttAudio, SttCommand};
use voxline_wire::{ConnectionId, Happened, Message, Session as _};

use crate::support::{Rig, ms};

const FRAMES: usize = 500;
/// The bytes of a frame, what shares them, and both once more in the buffer of what may have to be sent again.
const EACH_FRAME: usize = 5;
const MESSAGES: usize = 200;
/// The fields of the JSON object, and the transcription made of them.
const EACH_MESSAGE: usize = 36;

fn drain(session: &mut SttSession) {
    while session.poll_transmit().is_some() {}
    while session.poll_event().is_some() {}
}

#[test]
fn a_frame_of_audio_allocates_what_holds_its_bytes() {
    let mut rig = Rig::opened_rig();
    let mut counted = || {
        let audio = SttAudio::Pcm(Pcm::mono(vec![0; 160], SampleRate::HZ_8000));
        let count = measure(|| {
            for _ in 0..FRAMES {
                let (audio, at) = (audio.clone(), rig.at);
                rig.session.handle_command(rig.now, SttCommand::Audio { audio, at });
                drain(&mut rig.session);
                rig.at += ms(20);
                rig.now += ms(20);
            }
        });
        count.count_total as usize
    };
    // The ring of what may have to be sent again grows at first.
    let first = counted();
    let later = counted();
    assert!(first <= EACH_FRAME * FRAMES + 50, "{first} allocations for {FRAMES} frames");
    assert!(later <= EACH_FRAME * FRAMES, "{later} allocations for {FRAMES} later frames");
}

#[test]
fn a_transcription_allocates_a_few_times_at_every_point_of_a_call() {
    let mut rig = Rig::opened_rig();
    rig.speak(ms(200));
    let text = r#"{"session_id":"s","transcript":"Where is my order?","is_final":false,"is_last":false,"language":"en","words":[{"word":"Where","start":0.0,"end":0.1},{"word":"is","start":0.1,"end":0.2}]}"#;
    let mut counted = || {
        let messages: Vec<String> = vec![text.into(); MESSAGES];
        let count = measure(|| {
            for message in messages {
                let heard = Happened::Message(Message::Text(message));
                rig.session.handle_connection(rig.now, ConnectionId(1), heard);
                drain(&mut rig.session);
            }
        });
        count.count_total as usize
    };
    let (first, later) = (counted(), counted());
    assert!(first <= EACH_MESSAGE * MESSAGES, "{first} allocations for {MESSAGES} messages");
    assert!(later <= first, "{later} allocations for {MESSAGES} messages, after {first} for as many before");
}
