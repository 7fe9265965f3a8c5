//! A parrot between two WAV files, with the facade's default features and nothing else.

use voxline::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (input, output) = WavTransport::open("question.wav", "answer.wav")?.split();
    let pipeline = Pipeline::builder()
        .then(input)
        .then(Vad::default())
        .then(SmallestStt::from_env()?)
        .then(Parrot::default())
        .then(SmallestTts::from_env()?)
        .then(output)
        .build()?;
    pipeline.start(SessionConfig::default()).await?.finished().await?;
    Ok(())
}
