//! The service as a pipeline sees it: asks, reads, asks again. Decides nothing.
//!
//! In: a request. Out: what the answer is made of, as it comes.
//! 1. Every wait has a deadline: connect (the pool), first token, stall, the rest after the end.
//! 2. It asks again only before the first word has gone out, and only within the first token's deadline.
//! 3. Dropping the future closes the stream: the endpoint stops writing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use reqwest::{
    Response,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use voxline_core::{
    ServiceError,
    frame::{LlmRequest, SettingsAnswer, UpdateId},
    service::{LlmDelta, LlmEvent, LlmOutput, LlmProfile, LlmService, ServiceName},
};
use voxline_wire::Secret;

use super::{
    ConfigError, Deadlines, HttpPool, LlmError, MaxTokensField, OpenAiConfig, OpenAiSettings,
    assemble::Assembler,
    config::{ELECTRON_URL, GROQ_URL, KEY_VARIABLE, MODEL_VARIABLE, OLLAMA_URL, OPENAI_URL, URL_VARIABLE},
    message::{Problem, body},
    retry::Retry,
    settings::apply,
    utf8::Utf8,
};

/// Bytes of a refusal's body that are read.
const REFUSAL_BYTES: usize = 16 * 1024;
/// How long its body may take; without it, it is a refusal still.
const REFUSAL_WITHIN: Duration = Duration::from_secs(1);
/// Characters of an endpoint's text that an error keeps.
const MESSAGE_CHARS: usize = 300;
/// How long the end of the body may take after `[DONE]`, so that the connection can be used again.
const AFTER_DONE: Duration = Duration::from_millis(20);
/// How much wider the stage's deadlines are: the client's own errors say more.
const FENCE: Duration = Duration::from_secs(1);

/// Any endpoint that speaks OpenAI's chat completions.
///
/// ```
/// use voxline_llm::{OpenAiLlm, OpenAiSettings};
///
/// let openai = OpenAiLlm::new("sk-your-key").with_model("gpt-4.1-mini");
/// let electron = OpenAiLlm::electron("sk_your_key");
/// let local = OpenAiLlm::ollama("llama3.2")
///     .with_settings(OpenAiSettings { temperature: Some(0.3), ..OpenAiSettings::new("llama3.2") });
/// # assert!(openai.check().is_ok() && electron.check().is_ok() && local.check().is_ok());
/// ```
#[derive(Debug)]
#[must_use]
pub struct OpenAiLlm {
    config: OpenAiConfig,
    /// The model it began with.
    model: String,
    // Written by updates, read once at the beginning of an answer; never held across an await.
    settings: Mutex<OpenAiSettings>,
    pool: Result<HttpPool, ConfigError>,
}

impl OpenAiLlm {
    /// OpenAI's own endpoint.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        let config = OpenAiConfig {
            api_key: Some(api_key.into()),
            max_tokens_field: MaxTokensField::MaxCompletionTokens,
            ..OpenAiConfig::new("openai-llm", OPENAI_URL)
        };
        Self::with_config(config, "gpt-4.1")
    }

    /// Smallest AI's Electron.
    pub fn electron(api_key: impl Into<Secret>) -> Self {
        let config =
            OpenAiConfig { api_key: Some(api_key.into()), ..OpenAiConfig::new("electron", ELECTRON_URL) };
        Self::with_config(config, "electron")
    }

    /// Groq.
    pub fn groq(api_key: impl Into<Secret>) -> Self {
        let config =
            OpenAiConfig { api_key: Some(api_key.into()), ..OpenAiConfig::new("groq-llm", GROQ_URL) };
        Self::with_config(config, "llama-3.3-70b-versatile")
    }

    /// A vLLM server, e.g. at `http://localhost:8000/v1`.
    pub fn vllm(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self::with_config(OpenAiConfig::new("vllm", base_url), model)
    }

    /// Ollama on this machine.
    pub fn ollama(model: impl Into<String>) -> Self {
        Self::with_config(OpenAiConfig::new("ollama", OLLAMA_URL), model)
    }

    /// With this configuration and model. It is checked when the pipeline starts.
    pub fn with_config(config: OpenAiConfig, model: impl Into<String>) -> Self {
        let model = model.into();
        let pool = config.pool.clone().map_or_else(HttpPool::shared, Ok);
        Self { settings: Mutex::new(OpenAiSettings::new(&model)), config, model, pool }
    }

    /// By the environment: `OPENAI_API_KEY`, and where they are set `OPENAI_BASE_URL` and `OPENAI_MODEL`.
    /// With another base URL the key may be missing.
    ///
    /// # Errors
    /// [`ConfigError::NoKey`] when there is neither.
    pub fn from_env() -> Result<Self, ConfigError> {
        let read = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        Self::from_variables(read(KEY_VARIABLE), read(URL_VARIABLE), read(MODEL_VARIABLE))
    }

    fn from_variables(
        key: Option<String>,
        url: Option<String>,
        model: Option<String>,
    ) -> Result<Self, ConfigError> {
        let llm = match (key, url) {
            (Some(key), None) => Self::new(key),
            (None, None) => return Err(ConfigError::NoKey { variable: KEY_VARIABLE }),
            (key, Some(url)) => {
                let key = key.map(Secret::from);
                let config = OpenAiConfig { api_key: key, ..OpenAiConfig::new("openai-llm", url) };
                Self::with_config(config, "gpt-4.1")
            }
        };
        Ok(match model {
            Some(model) => llm.with_model(model),
            None => llm,
        })
    }

    /// With this model.
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self.settings.get_mut().unwrap_or_else(PoisonError::into_inner).model.clone_from(&self.model);
        self
    }

    /// With these settings. They are checked when the pipeline starts.
    pub fn with_settings(mut self, settings: OpenAiSettings) -> Self {
        self.model.clone_from(&settings.model);
        self.settings = Mutex::new(settings);
        self
    }

    /// With another address; see [`OpenAiConfig::base_url`].
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.config.base_url = base_url.into();
        self
    }

    /// With this key.
    pub fn with_api_key(mut self, api_key: impl Into<Secret>) -> Self {
        self.config.api_key = Some(api_key.into());
        self
    }

    /// With these deadlines.
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.config.deadlines = deadlines;
        self
    }

    /// With these connections.
    pub fn with_pool(mut self, pool: HttpPool) -> Self {
        self.pool = Ok(pool);
        self
    }

    /// Whether configuration and settings can be used, as the start will check.
    ///
    /// # Errors
    /// What cannot, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.config.check()?;
        self.pool.as_ref().map_err(Clone::clone)?;
        match self.settings().refusals().into_iter().next() {
            Some(refusal) => Err(ConfigError::Setting { field: refusal.field, reason: refusal.reason }),
            None => Ok(()),
        }
    }

    fn settings(&self) -> OpenAiSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answer(&self, request: LlmRequest, output: &LlmOutput) -> Result<(), LlmError> {
        let OpenAiConfig { max_tokens_field, usage, deadlines, retry, .. } = self.config;
        let post = self.post(body(&self.settings(), &request, max_tokens_field, usage)?)?;
        drop(request);
        // Here chance comes in from outside.
        let until = deadline(deadlines.first_token);
        let mut retry = Retry::new(retry, until.map(Instant::into_std), fastrand::u64(..));
        loop {
            let mut reading = Reading { deadlines, until, started: false, said: false, output };
            // The body is held whole, so it can be sent any number of times.
            let Some(post) = post.try_clone() else { return Err(LlmError::CutShort(None)) };
            let error = match self.attempt(post, &mut reading).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let now = Instant::now().into_std();
            match retry.failed(now, &error).filter(|_| !reading.said) {
                None => return Err(error),
                Some(wait) => {
                    tracing::debug!(service = %self.config.name, %error, ?wait, "asking again");
                    sleep(wait).await;
                }
            }
        }
    }

    fn post(&self, body: Vec<u8>) -> Result<reqwest::RequestBuilder, LlmError> {
        let pool = self.pool.as_ref().map_err(Clone::clone)?;
        let headers = self.config.header_map()?;
        let post = pool.client().post(self.config.url()?).headers(headers);
        let json = HeaderValue::from_static("application/json");
        Ok(post.header(CONTENT_TYPE, json).header(ACCEPT, "text/event-stream").body(body))
    }

    /// Asks once and passes on what comes.
    async fn attempt(
        &self,
        post: reqwest::RequestBuilder,
        reading: &mut Reading<'_>,
    ) -> Result<(), LlmError> {
        let response = reading.wait(post.send()).await?.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let is_whole = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/json"));
        let result = if is_whole {
            let body = read_start(response, self.config.max_answer);
            let body = reading.wait(body).await??;
            reading.take_whole(&body).await
        } else {
            reading.read(response.bytes_stream(), self.config.max_answer).await
        };
        result.map_err(|error| self.clean(error))
    }

    async fn refused(&self, response: Response) -> LlmError {
        let status = response.status();
        let after = retry_after(response.headers());
        let body = timeout(REFUSAL_WITHIN, read_start(response, REFUSAL_BYTES)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        let Problem { message, kinds, .. } = Problem::of_body(&body);
        self.clean(LlmError::refusal(Some(status.as_u16()), message, &kinds, after))
    }

    /// Shortens what the endpoint said, and cuts out the key.
    fn clean(&self, mut error: LlmError) -> LlmError {
        if let LlmError::Unauthorized { message }
        | LlmError::Forbidden { message }
        | LlmError::Refused { message, .. }
        | LlmError::Overloaded { message, .. }
        | LlmError::Server { message, .. } = &mut error
        {
            *message = self.config.redact(message).chars().take(MESSAGE_CHARS).collect();
        }
        error
    }
}

#[async_trait]
impl LlmService for OpenAiLlm {
    fn name(&self) -> ServiceName {
        self.config.name.clone()
    }

    fn profile(&self) -> LlmProfile {
        let Deadlines { first_token, stall, .. } = self.config.deadlines;
        LlmProfile {
            first_token_deadline: first_token.saturating_add(FENCE),
            stall_deadline: stall.saturating_add(FENCE),
        }
    }

    fn check(&self) -> Result<(), ServiceError> {
        Self::check(self).map_err(|error| LlmError::from(error).for_service(self.name()))
    }

    async fn respond(&self, request: LlmRequest, output: LlmOutput) -> Result<(), ServiceError> {
        self.answer(request, &output).await.map_err(|error| error.for_service(self.name()))
    }

    fn update(&self, update: UpdateId, delta: &LlmDelta) -> SettingsAnswer {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = apply(&settings, delta, &self.model);
        *settings = applied.settings;
        SettingsAnswer {
            update,
            service: self.name(),
            changed: applied.changed,
            rejected: applied.rejected,
            warnings: Vec::new(),
            reconnected: false,
        }
    }
}

/// One attempt at an answer.
struct Reading<'a> {
    deadlines: Deadlines,
    /// When what is waited for must have come.
    until: Option<Instant>,
    /// The model has given a sign.
    started: bool,
    /// Something has gone out that cannot be taken back.
    said: bool,
    output: &'a LlmOutput,
}

impl Reading<'_> {
    /// Waits, but not for ever.
    async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, LlmError> {
        let Some(until) = self.until else { return Ok(future.await) };
        let Deadlines { first_token, stall, .. } = self.deadlines;
        timeout_at(until, future).await.map_err(|_| match self.started {
            false => LlmError::Silent { after: first_token },
            true => LlmError::Stalled { after: stall },
        })
    }

    async fn read<B: AsRef<[u8]>>(
        &mut self,
        body: impl Stream<Item = Result<B, reqwest::Error>>,
        limit: usize,
    ) -> Result<(), LlmError> {
        let mut utf8 = Utf8::new(limit);
        let text = body.map(move |bytes| match bytes {
            Ok(bytes) => utf8.push(bytes.as_ref()),
            Err(error) => Err(LlmError::CutShort(Some(Arc::new(error.without_url())))),
        });
        // Two line ends after the last byte: the parser would forget an event that is not followed by them.
        let text = text.chain(stream::iter([Ok("\n\n".to_owned())]));
        let mut events = Box::pin(text.eventsource());
        let mut answer = Assembler::default();
        loop {
            let event = match self.wait(events.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => break,
                // The answer is complete; only the formalities are missing.
                Err(_) if answer.is_finished() => break,
                Err(error) => return Err(error),
            };
            let event = match event {
                Ok(event) => event,
                // So it is when the connection is lost after the answer.
                Err(EventStreamError::Transport(LlmError::CutShort(_))) if answer.is_finished() => break,
                Err(EventStreamError::Transport(error)) => return Err(error),
                Err(_) => {
                    let got = "something else".into();
                    return Err(LlmError::Protocol { expected: "server-sent events", got });
                }
            };
            let told = answer.handle_event(&event.event, &event.data)?;
            self.tell(told).await;
            if answer.is_done() {
                break;
            }
            if answer.is_finished() {
                self.until = deadline(self.deadlines.finish);
            }
        }
        if answer.is_done() {
            // The answer has ended whether or not the body has; this is for the connection only.
            let _ = timeout(AFTER_DONE, events.next()).await;
        }
        let rest = answer.finish()?;
        self.tell(rest).await;
        Ok(())
    }

    /// Takes an answer that came in one piece.
    async fn take_whole(&mut self, body: &str) -> Result<(), LlmError> {
        let mut answer = Assembler::default();
        let told = answer.handle_event("message", body)?;
        let rest = answer.finish()?;
        self.tell(told).await;
        self.tell(rest).await;
        Ok(())
    }

    async fn tell(&mut self, events: Vec<LlmEvent>) {
        if events.is_empty() {
            return;
        }
        for event in events {
            self.said |= matches!(event, LlmEvent::Text(_) | LlmEvent::Call(_));
            self.output.send(event).await;
        }
        self.started = true;
        self.until = deadline(self.deadlines.stall);
    }
}

/// `Retry-After` in seconds, or OpenAI's `retry-after-ms`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let milliseconds = number("retry-after-ms").map(|ms| Duration::from_millis(ms.into()));
    milliseconds.or_else(|| number(RETRY_AFTER.as_str()).map(|s| Duration::from_secs(s.into())))
}

/// The beginning of a body, as text.
async fn read_start(response: Response, limit: usize) -> Result<String, LlmError> {
    let mut body = Vec::new();
    let mut bytes = response.bytes_stream();
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| LlmError::CutShort(Some(Arc::new(error.without_url()))))?;
        let room = limit.saturating_sub(body.len());
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() >= limit {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn unreachable(error: reqwest::Error) -> LlmError {
    LlmError::Unreachable(Arc::new(error.without_url()))
}

/// So much later; none for a time that cannot be said.
fn deadline(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}
