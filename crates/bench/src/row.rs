//! One measurement: which figure, of whom, with how many pipelines, and its numbers.

use serde_json::{Map, Value};

/// A row of the table, in one round.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) subject: String,
    pub(crate) pipelines: u64,
    /// Names with their unit, e.g. `cpu_ns`, and numbers.
    pub(crate) numbers: Vec<(String, f64)>,
}

impl Row {
    pub(crate) fn new(figure: &str, subject: &str, numbers: &[(&str, f64)]) -> Self {
        let numbers = numbers.iter().map(|&(name, number)| (name.to_owned(), number)).collect();
        Self { figure: figure.into(), subject: subject.into(), pipelines: 0, numbers }
    }

    pub(crate) fn with_pipelines(mut self, pipelines: usize) -> Self {
        self.pipelines = pipelines as u64;
        self
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(other, _)| other == name).map(|&(_, number)| number)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("figure".into(), self.figure.as_str().into());
        object.insert("subject".into(), self.subject.as_str().into());
        object.insert("pipelines".into(), self.pipelines.into());
        object.extend(self.numbers.iter().map(|(name, number)| (name.clone(), (*number).into())));
        object.into()
    }

    /// The object of [`to_json`](Self::to_json) with the round it was measured in, from 1 on.
    pub(crate) fn in_round(&self, round: usize) -> Value {
        let mut object = self.to_json();
        object["round"] = round.into();
        object
    }

    /// Round and row of a line of [`in_round`](Self::in_round).
    pub(crate) fn from_round(line: &str) -> Option<(usize, Self)> {
        let mut row = Self::from_json(line)?;
        let place = row.numbers.iter().position(|(name, _)| name == "round")?;
        let (_, round) = row.numbers.remove(place);
        Some(((round as usize).max(1), row))
    }

    /// A row as a peer prints it: the object of [`to_json`](Self::to_json).
    pub(crate) fn from_json(line: &str) -> Option<Self> {
        let Value::Object(object) = serde_json::from_str(line).ok()? else { return None };
        let text = |name: &str| Some(object.get(name)?.as_str()?.to_owned());
        let numbers = object.iter().filter(|(name, _)| *name != "pipelines");
        Some(Self {
            figure: text("figure")?,
            subject: text("subject")?,
            pipelines: object.get("pipelines").and_then(Value::as_u64).unwrap_or(0),
            numbers: numbers.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect(),
        })
    }
}
