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
use reqwest::{
    Response,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use tokio::time::{Instant, sleep, timeout};
use voxline_core::{
    ServiceError,
    frame::{LlmRequest, SettingsAnswer, UpdateId},
    service::{LlmDelta, LlmOutput, LlmProfile, LlmService, ServiceName},
};
use voxline_wire::Secret;

use super::{
    ConfigError, Deadlines, HttpPool, LlmError, MaxTokensField, OpenAiConfig, OpenAiSettings,
    config::{ELECTRON_URL, GROQ_URL, KEY_VARIABLE, MODEL_VARIABLE, OLLAMA_URL, OPENAI_URL, URL_VARIABLE},
    message::{Problem, body},
    reading::{Reading, deadline, read_start},
    retry::Retry,
    settings::apply,
};

/// Bytes of a refusal's body that are read.
const REFUSAL_BYTES: usize = 16 * 1024;
/// How long its body may take; without it, it is a refusal still.
const REFUSAL_WITHIN: Duration = Duration::from_secs(1);
/// Characters of an endpoint's text that an error keeps.
const MESSAGE_CHARS: usize = 300;
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
                let is_openai = url.trim().trim_end_matches('/') == OPENAI_URL;
                let max_tokens_field =
                    if is_openai { MaxTokensField::MaxCompletionTokens } else { MaxTokensField::default() };
                let config =
                    OpenAiConfig { api_key: key, max_tokens_field, ..OpenAiConfig::new("openai-llm", url) };
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
            let mut reading = Reading::new(deadlines, until, output);
            // The body is held whole, so it can be sent any number of times.
            let Some(post) = post.try_clone() else { return Err(LlmError::CutShort(None)) };
            let error = match self.attempt(post, &mut reading).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let now = Instant::now().into_std();
            match retry.failed(now, &error).filter(|_| !reading.has_said()) {
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
        let post = pool.client(self.config.is_on_this_machine()).post(self.config.url()?).headers(headers);
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

/// `Retry-After` in seconds, or OpenAI's `retry-after-ms`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1e3).or_else(|| number(RETRY_AFTER.as_str()));
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn unreachable(error: reqwest::Error) -> LlmError {
    LlmError::Unreachable(Arc::new(error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_key_address_and_model() {
        let text = |text: &str| Some(text.to_owned());
        assert!(matches!(OpenAiLlm::from_variables(None, None, None), Err(ConfigError::NoKey { .. })));
        let plain = OpenAiLlm::from_variables(text("sk-1"), None, None).unwrap();
        assert_eq!(plain.config.url().unwrap(), "https://api.openai.com/v1/chat/completions");
        let local = OpenAiLlm::from_variables(None, text("http://localhost:8000/v1"), text("qwen")).unwrap();
        assert_eq!((local.config.api_key.is_none(), local.settings().model.as_str()), (true, "qwen"));
        assert!(plain.check().is_ok() && local.check().is_ok());
    }

    #[test]
    fn the_stages_deadlines_are_wider_and_can_be_switched_off() {
        let llm = OpenAiLlm::ollama("m");
        assert!(llm.profile().first_token_deadline > llm.config.deadlines.first_token);
        let off = Deadlines { stall: Duration::MAX, ..Deadlines::default() };
        assert_eq!(llm.with_deadlines(off).profile().stall_deadline, Duration::MAX);
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_told_at_the_start() {
        let hot = OpenAiSettings { temperature: Some(3.0), ..OpenAiSettings::new("m") };
        let llm = OpenAiLlm::new("sk-1").with_settings(hot);
        assert!(matches!(llm.check(), Err(ConfigError::Setting { field: "temperature", .. })));
    }
}
