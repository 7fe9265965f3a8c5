//! The floors: the same work by bare tokio, without Voxline.

use tokio::sync::mpsc;
use voxline_audio::Pcm;

/// Sends `frames` chunks through ten tasks joined by one tokio queue each, full.
pub(crate) async fn mpsc_ten(frames: usize) {
    let (head, mut input) = mpsc::channel::<Pcm>(64);
    for _ in 0..10 {
        let (sender, next) = mpsc::channel(64);
        let mut receiver = std::mem::replace(&mut input, next);
        tokio::spawn(async move {
            while let Some(pcm) = receiver.recv().await {
                if sender.send(pcm).await.is_err() {
                    return;
                }
            }
        });
    }
    let pcm = super::stages::audio();
    let feed = tokio::spawn(async move {
        for _ in 0..frames {
            if head.send(pcm.clone()).await.is_err() {
                return;
            }
        }
    });
    for _ in 0..frames {
        input.recv().await;
    }
    let _ = feed.await;
}
