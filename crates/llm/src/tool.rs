//! Typed functions as tools.
//!
//! [`tool`] takes an async function of one argument; the schema the model is shown is derived from the
//! argument's type, and so is the reading of what the model writes. What does not fit never reaches the
//! function.
//!
//! 1. Arguments are read once, when the call is whole; an empty text counts as an empty object.
//! 2. An argument that is no object (a text, a number) travels as the one property `value`; `()` is no argument.
//! 3. The result goes to the model as text: a `String` as it is, anything else as JSON.
//! 4. What the function's error says is reported upstream and never told to the model.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use voxline_core::{
    frame::{ToolCall, ToolSpec},
    service::{AtInterruption, Tool, ToolError, ToolPolicy},
};

type Running = Pin<Box<dyn Future<Output = Result<String, ToolError>> + Send>>;
type Run = Box<dyn Fn(Value) -> Result<Running, serde_json::Error> + Send + Sync>;

/// A typed function as a tool; see [`tool`].
#[must_use]
pub struct TypedTool {
    spec: ToolSpec,
    policy: ToolPolicy,
    shape: Shape,
    run: Run,
}

/// How the argument lies in the object a model writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// It is the object.
    Object,
    /// It is the object's one property.
    Value,
    /// There is none.
    Nothing,
}

/// Makes an async function a tool. The description tells the model when to use it; doc comments of the
/// argument's fields become their descriptions.
///
/// ```
/// use voxline_llm::{Tools, schemars::JsonSchema, tool};
///
/// /// Where to look.
/// #[derive(serde::Deserialize, JsonSchema)]
/// #[schemars(crate = "voxline_llm::schemars")]
/// struct Place {
///     /// A city, in English.
///     city: String,
/// }
///
/// let time = tool("time_in", "Tells the local time of a city.", |place: Place| async move {
///     match place.city.as_str() {
///         "Delhi" => Ok("16:30".to_owned()),
///         _ => Err("no clock there"),
///     }
/// });
/// let tools = Tools::new().with(time);
/// assert!(tools.specs()[0].parameters.contains("A city, in English."));
/// ```
pub fn tool<A, R, E, F, Fut>(
    name: impl Into<Arc<str>>,
    description: impl Into<Arc<str>>,
    function: F,
) -> TypedTool
where
    A: DeserializeOwned + JsonSchema,
    R: Serialize,
    E: Into<Box<dyn StdError + Send + Sync>>,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    let (shape, parameters) = schema::<A>();
    let run: Run = Box::new(move |argument| {
        let running = function(serde_json::from_value(argument)?);
        Ok(Box::pin(async move { text(&running.await.map_err(ToolError::failed)?) }))
    });
    let (name, description) = (name.into(), description.into());
    let spec = ToolSpec { name, description, parameters: parameters.to_string().into() };
    TypedTool { spec, policy: ToolPolicy::default(), shape, run }
}

impl TypedTool {
    /// With this deadline of a call.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.policy.deadline = deadline;
        self
    }

    /// With calls that go on through an interruption: for what must not be done by half.
    pub fn detached(mut self) -> Self {
        self.policy.at_interruption = AtInterruption::GoOn;
        self
    }

    fn argument(&self, text: &str) -> Result<Value, ToolError> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let whole: Value = serde_json::from_str(text)
            .map_err(|error| bad(format!("not JSON at line {}, column {}", error.line(), error.column())))?;
        let Value::Object(mut whole) = whole else { return Err(bad("not an object".into())) };
        match self.shape {
            Shape::Object => Ok(Value::Object(whole)),
            Shape::Value => whole.remove("value").ok_or_else(|| bad("there is no `value`".into())),
            Shape::Nothing => Ok(Value::Null),
        }
    }
}

#[async_trait]
impl Tool for TypedTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn policy(&self) -> ToolPolicy {
        self.policy
    }

    async fn call(&self, call: ToolCall) -> Result<String, ToolError> {
        let argument = self.argument(&call.arguments)?;
        // The error's own text would quote what the model, and so the caller, said.
        let running = (self.run)(argument).map_err(|_| bad("not of the tool's type".into()))?;
        running.await
    }
}

impl fmt::Debug for TypedTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedTool").field("name", &self.spec.name).field("policy", &self.policy).finish()
    }
}

fn bad(reason: String) -> ToolError {
    ToolError::BadArguments { reason: reason.into() }
}

fn text(result: &impl Serialize) -> Result<String, ToolError> {
    match serde_json::to_value(result).map_err(ToolError::failed)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// The schema of an argument, always that of an object: endpoints take no other. Whole, without references,
/// because not every endpoint follows them.
fn schema<A: JsonSchema>() -> (Shape, Value) {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>().to_value();
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "null" => (Shape::Nothing, json!({"type": "object", "properties": {}})),
        "object" => {
            if let Some(object) = schema.as_object_mut() {
                object.remove("title");
                object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
            }
            (Shape::Object, schema)
        }
        _ => {
            let definitions = schema.as_object_mut().and_then(|schema| schema.remove("$defs"));
            let mut object =
                json!({"type": "object", "properties": {"value": schema}, "required": ["value"]});
            if let Some(definitions) = definitions {
                object["$defs"] = definitions;
            }
            (Shape::Value, object)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address.
    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Address {
        /// A city, in English.
        city: String,
        #[serde(default)]
        floor: Option<u8>,
    }

    fn call(arguments: &str) -> ToolCall {
        ToolCall { id: "1".into(), name: "tool".into(), arguments: arguments.into() }
    }

    fn run(tool: &TypedTool, arguments: &str) -> Result<String, ToolError> {
        use futures_util::FutureExt;
        tool.call(call(arguments)).now_or_never().expect("these tools wait for nothing")
    }

    fn fails<R>(_: R) -> std::future::Ready<Result<String, &'static str>> {
        std::future::ready(Err("the password is sesame"))
    }

    fn parameters(tool: &TypedTool) -> Value {
        serde_json::from_str(&tool.spec.parameters).unwrap()
    }

    #[test]
    fn the_schema_follows_the_type() {
        let schema = parameters(&tool("t", "", fails::<Address>));
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["properties"]["city"]["description"], "A city, in English.");
        assert_eq!(schema["required"], json!(["city"]));
        assert!(!schema.to_string().contains("$schema") && !schema.to_string().contains("$ref"));
        let nothing = parameters(&tool("t", "", fails::<()>));
        assert_eq!(nothing, json!({"type": "object", "properties": {}}));
        let text = parameters(&tool("t", "", fails::<String>));
        assert_eq!((&text["type"], &text["required"]), (&json!("object"), &json!(["value"])));
    }

    #[test]
    fn arguments_of_every_shape_reach_the_function() {
        let city = tool("t", "", |address: Address| async move {
            Ok::<_, String>(format!("{} {:?}", address.city, address.floor))
        });
        assert_eq!(run(&city, r#"{"city":"दिल्ली","floor":3}"#).unwrap(), "दिल्ली Some(3)");
        let length = tool("t", "", |text: String| async move { Ok::<_, String>(text.len()) });
        assert_eq!(run(&length, r#"{"value":"four"}"#).unwrap(), "4");
        let nothing = tool("t", "", |(): ()| async { Ok::<_, String>(json!({"now": 12})) });
        assert_eq!(run(&nothing, "").unwrap(), r#"{"now":12}"#);
        assert_eq!(run(&nothing, "{}").unwrap(), r#"{"now":12}"#);
    }

    #[test]
    fn r_39_bad_arguments_never_reach_the_function_and_are_not_repeated() {
        let never =
            tool(
                "t",
                "",
                |address: Address| async move { Err::<String, _>(format!("reached with {address:?}")) },
            );
        for bad in [r#"{"city":"secr"#, "[]", "null", r#"{"town":"secret"}"#, r#"{"city":["secret"]}"#, ""] {
            let error = run(&never, bad).unwrap_err();
            assert!(matches!(error, ToolError::BadArguments { .. }), "{bad}: {error}");
            assert!(!error.to_string().contains("secr"), "{error}");
        }
    }

    #[test]
    fn an_error_keeps_its_text_from_the_model() {
        let error = run(&tool("t", "", fails::<()>), "{}").unwrap_err();
        assert!(!error.outcome().text().contains("sesame"));
        assert!(error.source().unwrap().to_string().contains("sesame"));
    }
}
