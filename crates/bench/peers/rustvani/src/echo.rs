//! The work of `voxline-bench echo`, done by rustvani: calls of µ-law over a WebSocket through five processors.
//!
//! Decode, loudness, voice by loudness, silence since the voice, encode; the last one hands the bytes to the task that
//! owns the socket. Its detectors want a model, so that voice is judged by loudness here. Prints its address, and
//! serves until it is killed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use audio_codec_algorithms::{decode_ulaw, encode_ulaw};
use futures_util::{SinkExt, StreamExt};
use rustvani::{
    PipelineParams, PipelineTask, Result,
    frames::{AudioRawData, Frame, FrameDirection, FrameHandler, FrameInner, FrameProcessor, SystemFrame},
    system_clock,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Bytes, Message, protocol::WebSocketConfig},
};

/// One of the five.
enum Stage {
    Decode,
    Meter(AtomicU32),
    Voice(AtomicBool),
    Turns(AtomicU32),
    Encode(mpsc::Sender<Bytes>),
}

#[async_trait]
impl FrameHandler for Stage {
    async fn on_process_frame(
        &self,
        processor: &FrameProcessor,
        mut frame: Frame,
        direction: FrameDirection,
    ) -> Result<()> {
        if let FrameInner::System(SystemFrame::InputAudioRaw(audio)) = &frame.inner {
            match self {
                Self::Decode => {
                    let bytes: Vec<u8> =
                        audio.audio.iter().flat_map(|&b| decode_ulaw(b).to_le_bytes()).collect();
                    frame = Frame::input_audio_raw(AudioRawData::new(bytes, 8000, 1));
                }
                Self::Meter(loudest) => drop(loudest.fetch_max(level(audio), Ordering::Relaxed)),
                Self::Voice(speaks) => speaks.store(level(audio) > 500, Ordering::Relaxed),
                Self::Turns(silent) => {
                    let now = if level(audio) > 500 { 0 } else { silent.load(Ordering::Relaxed) + 1 };
                    silent.store(now, Ordering::Relaxed);
                }
                Self::Encode(out) => {
                    let _ = out.send(samples(audio).map(encode_ulaw).collect()).await;
                    return Ok(());
                }
            }
        }
        processor.push_frame(frame, direction).await
    }
}

fn samples(audio: &AudioRawData) -> impl Iterator<Item = i16> {
    audio.audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
}

fn level(audio: &AudioRawData) -> u32 {
    let squares: f64 = samples(audio).map(|sample| f64::from(sample).powi(2)).sum();
    (squares / audio.num_frames.max(1) as f64).sqrt() as u32
}

async fn answer(stream: TcpStream) {
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_write_buffer_size(50 * 164)
        .max_message_size(Some(8 * 1024))
        .max_frame_size(Some(8 * 1024));
    let Ok(mut socket) = accept_async_with_config(stream, Some(config)).await else { return };
    let (out, mut said) = mpsc::channel(64);
    let five = [
        ("decode", Stage::Decode),
        ("meter", Stage::Meter(AtomicU32::new(0))),
        ("voice", Stage::Voice(AtomicBool::new(false))),
        ("turns", Stage::Turns(AtomicU32::new(0))),
        ("encode", Stage::Encode(out)),
    ];
    let stages = five.map(|(name, stage)| FrameProcessor::new(name, Box::new(stage), false)).into();
    let task = PipelineTask::new(stages, PipelineParams::default());
    let queue = task.push_sender();
    let run = tokio::spawn(async move {
        let _ = task.run(system_clock(), None).await;
    });
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = Frame::input_audio_raw(AudioRawData::new(bytes, 8000, 1));
                    let _ = queue.send((frame, FrameDirection::Downstream)).await;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            Some(bytes) = said.recv() => {
                if socket.send(Message::Binary(bytes)).await.is_err() {
                    break;
                }
            }
        }
    }
    run.abort();
}

pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(answer(stream));
    }
}
