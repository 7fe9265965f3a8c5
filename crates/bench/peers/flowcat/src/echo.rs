//! The work of `voxline-bench echo`, done by flowcat-core: calls of µ-law over a WebSocket through five processors.
//!
//! Decode, loudness (`audio::vad::window_volume`), its detector of voice by loudness, its turn tracker, encode; the
//! last one hands the bytes to the task that owns the socket. Prints its address, and serves until it is killed.

use std::sync::Arc;

use async_trait::async_trait;
use flowcat_core::{
    audio::{
        turn::{MockTurn, TurnProcessor},
        vad::{MockVad, VadProcessor, window_volume},
    },
    codec::{pcm16_to_ulaw, ulaw_to_pcm16},
    error::Result,
    pipeline::{Pipeline, PipelineTask, PipelineTaskParams},
    processor::{
        Envelope, FrameProcessor, Link,
        frame::{AudioFrame, Frame},
    },
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Bytes, Message, protocol::WebSocketConfig},
};

/// Its frames of input hold samples: bytes travel as samples until they are decoded.
struct Decode;

#[async_trait]
impl FrameProcessor for Decode {
    fn name(&self) -> &str {
        "decode"
    }

    async fn process_frame(&mut self, mut env: Envelope, link: &Link) -> Result<()> {
        if let Frame::InputAudio(audio) = &env.frame {
            let bytes: Vec<u8> = audio.pcm.iter().flat_map(|pair| pair.to_le_bytes()).collect();
            env.frame = Frame::InputAudio(Arc::new(AudioFrame::mono(ulaw_to_pcm16(&bytes), 8000)));
        }
        link.push(env.meta, env.frame, env.direction).await;
        Ok(())
    }
}

struct Meter {
    loudest: f32,
}

#[async_trait]
impl FrameProcessor for Meter {
    fn name(&self) -> &str {
        "meter"
    }

    async fn process_frame(&mut self, env: Envelope, link: &Link) -> Result<()> {
        if let Frame::InputAudio(audio) = &env.frame {
            self.loudest = self.loudest.max(window_volume(&audio.pcm));
        }
        link.push(env.meta, env.frame, env.direction).await;
        Ok(())
    }
}

struct Encode {
    out: mpsc::Sender<Bytes>,
}

#[async_trait]
impl FrameProcessor for Encode {
    fn name(&self) -> &str {
        "encode"
    }

    async fn process_frame(&mut self, env: Envelope, _: &Link) -> Result<()> {
        if let Frame::InputAudio(audio) = &env.frame {
            let _ = self.out.send(pcm16_to_ulaw(&audio.pcm).into()).await;
        }
        Ok(())
    }
}

/// Two bytes a sample, until they are decoded.
fn heard(bytes: &[u8]) -> Frame {
    let pairs = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    Frame::InputAudio(Arc::new(AudioFrame::mono(pairs.collect(), 8000)))
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
    let stages: Vec<Box<dyn FrameProcessor>> = vec![
        Box::new(Decode),
        Box::new(Meter { loudest: 0.0 }),
        Box::new(VadProcessor::new(MockVad::new(8000, 160), 160)),
        Box::new(TurnProcessor::new(MockTurn::new(8000, 160), 8000, 160)),
        Box::new(Encode { out }),
    ];
    let params = PipelineTaskParams { idle_timeout: None, audio_in_sample_rate: 8000, ..Default::default() };
    let task = PipelineTask::new(Pipeline::new(stages), params, Vec::new());
    let (queue, cancel) = (task.queue_sender(), task.cancel_token());
    let run = tokio::spawn(async move {
        let _ = task.run().await;
    });
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => drop(queue.send(heard(&bytes))),
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
    cancel.cancel();
    let _ = run.await;
}

pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(answer(stream));
    }
}
