//! From stages as the user wrote them to tasks and links.
//!
//! 1. *Flatten*: nested pipelines become part of the row, equal names are numbered.
//! 2. *Fuse*: each run of synchronous processors becomes one segment. Around a parallel there is always
//!    a segment, empty if need be: it spreads frames over the branches and joins what comes back.
//! 3. *Wire*: each segment and task gets an inbox, its neighbours' inboxes as outlets, and is spawned.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use super::{
    Kind, Stage,
    outlet::{Join, Outlet},
    segment::Segment,
    task::Task,
};
use crate::{
    error::Error,
    link::{Bounds, Inbox},
    observe::Tap,
    panic,
    processor::{AsyncProcessor, Processor, SessionInfo, StageName},
    session::{SessionConfig, Shared, Side, Supervisor},
};

/// A session that is spawned but not started.
pub(super) struct Wired {
    pub(super) supervisor: Supervisor,
    pub(super) head: Arc<Inbox>,
    pub(super) tail: Arc<Inbox>,
}

/// What becomes one task, or several side by side.
enum Node {
    Segment(Vec<Box<dyn Processor>>, Vec<StageName>, Arc<Inbox>),
    Task(Box<dyn AsyncProcessor>, Arc<Inbox>),
    Parallel(Vec<Vec<Node>>),
}

pub(super) fn wire(stages: Vec<Stage>, mut config: SessionConfig) -> Wired {
    let began = tokio::time::Instant::now().into_std();
    let info = SessionInfo { input_rate: config.input_rate, output_rate: config.output_rate, began };
    let mut observers = JoinSet::new();
    let taps: Vec<_> = config
        .take_observers()
        .into_iter()
        .map(|observer| {
            let tap = Tap::new(&*observer);
            observers.spawn(tap.clone().watch(observer));
            tap
        })
        .collect();
    let shared = Arc::new(Shared::new(info, taps.into(), config.reached, config.take_events()));
    let bounds = Bounds { frames: config.link_bound.max(1), live_audio: config.live_audio_bound };
    let mut planner = Planner { bounds, names: HashMap::new(), inboxes: Vec::new() };
    let row = planner.row(stages);
    let (head, tail) = (first(&row), last(&row));
    let mut wirer = Wirer { shared: shared.clone(), tasks: JoinSet::new(), next: 0, span: session_span() };
    shared.set_inboxes(planner.inboxes.into());
    wirer.row(row, (Outlet::Edge(Side::Head), Outlet::Edge(Side::Tail)));
    let supervisor = Supervisor { shared, stages: wirer.tasks, observers, config: (&config).into() };
    Wired { supervisor, head, tail }
}

struct Planner {
    bounds: Bounds,
    names: HashMap<String, usize>,
    inboxes: Vec<Arc<Inbox>>,
}

impl Planner {
    /// A row of nodes that begins and ends with a segment or task, and has segments around each parallel.
    fn row(&mut self, stages: Vec<Stage>) -> Vec<Node> {
        let mut flat = Vec::new();
        flatten(stages, &mut flat);
        let mut row = Vec::new();
        let mut run: Vec<(Box<dyn Processor>, StageName)> = Vec::new();
        let mut stages = flat.into_iter().peekable();
        while let Some(Stage(kind)) = stages.next() {
            match kind {
                Kind::Sync(processor) => {
                    let name = self.unique(&processor.name());
                    run.push((processor, name));
                }
                Kind::Async(processor) => {
                    if !run.is_empty() {
                        row.push(self.segment(std::mem::take(&mut run)));
                    }
                    let name = self.unique(&processor.name());
                    row.push(Node::Task(processor, self.inbox(name)));
                    if stages.peek().is_some_and(|stage| matches!(stage.0, Kind::Parallel(_))) {
                        row.push(self.segment(Vec::new()));
                    }
                }
                Kind::Parallel(branches) => {
                    let spread = !run.is_empty() || matches!(row.last(), None | Some(Node::Parallel(_)));
                    if spread {
                        row.push(self.segment(std::mem::take(&mut run)));
                    }
                    row.push(Node::Parallel(branches.into_iter().map(|branch| self.row(branch)).collect()));
                    if !stages
                        .peek()
                        .is_some_and(|stage| matches!(stage.0, Kind::Sync(_) | Kind::Parallel(_)))
                    {
                        row.push(self.segment(Vec::new()));
                    }
                }
                Kind::Nested(_) => unreachable!("flattened above"),
            }
        }
        if !run.is_empty() || row.is_empty() {
            row.push(self.segment(run));
        }
        row
    }

    fn segment(&mut self, run: Vec<(Box<dyn Processor>, StageName)>) -> Node {
        let (processors, names): (Vec<_>, Vec<_>) = run.into_iter().unzip();
        let name = match &names[..] {
            [] => "junction".into(),
            [one] => one.clone(),
            many => many.join(" + ").into(),
        };
        Node::Segment(processors, names, self.inbox(name))
    }

    fn inbox(&mut self, name: StageName) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::new(name, self.bounds));
        self.inboxes.push(inbox.clone());
        inbox
    }

    fn unique(&mut self, name: &str) -> StageName {
        let count = self.names.entry(name.to_owned()).or_default();
        *count += 1;
        if *count == 1 { name.into() } else { format!("{name} #{count}").into() }
    }
}

fn flatten(stages: Vec<Stage>, flat: &mut Vec<Stage>) {
    for stage in stages {
        match stage.0 {
            Kind::Nested(stages) => flatten(stages, flat),
            _ => flat.push(stage),
        }
    }
}

/// Where a row takes frames in.
fn first(row: &[Node]) -> Arc<Inbox> {
    inbox(row.first())
}

/// Where a row takes upstream frames in.
fn last(row: &[Node]) -> Arc<Inbox> {
    inbox(row.last())
}

fn inbox(node: Option<&Node>) -> Arc<Inbox> {
    match node {
        Some(Node::Segment(_, _, inbox) | Node::Task(_, inbox)) => inbox.clone(),
        Some(Node::Parallel(_)) | None => unreachable!("a row begins and ends with a segment or task"),
    }
}

struct Wirer {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    next: usize,
    span: Span,
}

impl Wirer {
    /// Spawns a row between two outlets.
    fn row(&mut self, row: Vec<Node>, (up, down): (Outlet, Outlet)) {
        let ports: Vec<Port> = row.iter().map(Port::of).collect();
        let (mut up, mut down) = (Some(up), Some(down));
        for (index, node) in row.into_iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| ports.get(before));
            let after = ports.get(index + 1);
            let branches = match node {
                Node::Parallel(branches) => branches,
                node => {
                    let ends = Ends {
                        up: before.map_or_else(|| up.take(), |port| Some(port.upstream())),
                        down: after.map_or_else(|| down.take(), |port| Some(port.downstream())),
                        down_join: before.and_then(Port::join),
                        up_join: after.and_then(Port::join),
                    };
                    self.spawn(node, ends);
                    continue;
                }
            };
            let (Some(before), Some(after)) = (before, after) else {
                unreachable!("a parallel stands between segments")
            };
            for branch in branches {
                self.row(branch, (before.upstream(), after.downstream()));
            }
        }
    }

    fn spawn(&mut self, node: Node, ends: Ends) {
        let (Some(up), Some(down)) = (ends.up, ends.down) else {
            unreachable!("only the first node is at the head and only the last at the tail")
        };
        let index = self.next;
        self.next += 1;
        let shared = self.shared.clone();
        match node {
            Node::Segment(stages, names, inbox) => {
                let mut segment = Segment::new(index, stages, names, inbox, (up, down), shared);
                segment.down_join = ends.down_join;
                segment.up_join = ends.up_join;
                self.guard(segment.inbox.stage().clone(), segment.run());
            }
            Node::Task(processor, inbox) => {
                let name = inbox.stage().clone();
                self.guard(name, Task::new(index, processor, inbox, (up, down), shared).run());
            }
            Node::Parallel(_) => unreachable!("its branches are spawned one by one"),
        }
    }

    /// Spawns what runs a stage. A panic that no call of the stage accounts for, such as of a custom frame's own
    /// code, ends the session like any other, and names the place where it happened.
    fn guard(&mut self, stage: StageName, run: impl Future<Output = ()> + Send + 'static) {
        let shared = self.shared.clone();
        let run = Box::pin(run);
        let guarded = async move {
            if let Err(message) = panic::catch_async(run).await {
                shared.fail(Error::Panicked { stage, message });
            }
        };
        self.tasks.spawn(guarded.instrument(self.span.clone()));
    }
}

/// What logs of a session carry: all of its stages work in this span, which is a child of the caller's.
fn session_span() -> Span {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    tracing::debug_span!("session", id = NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a node's neighbours see of it.
enum Port {
    One(Arc<Inbox>),
    Many { firsts: Vec<Arc<Inbox>>, lasts: Vec<Arc<Inbox>> },
}

/// Where a node's frames go, and how it joins what branches give it.
struct Ends {
    up: Option<Outlet>,
    down: Option<Outlet>,
    down_join: Option<Join>,
    up_join: Option<Join>,
}

impl Port {
    fn of(node: &Node) -> Self {
        match node {
            Node::Segment(_, _, inbox) | Node::Task(_, inbox) => Self::One(inbox.clone()),
            Node::Parallel(branches) => Self::Many {
                firsts: branches.iter().map(|branch| first(branch)).collect(),
                lasts: branches.iter().map(|branch| last(branch)).collect(),
            },
        }
    }

    /// The way down into it.
    fn downstream(&self) -> Outlet {
        match self {
            Self::One(inbox) => Outlet::Link(inbox.clone()),
            Self::Many { firsts, .. } => Outlet::Fan(firsts.clone(), 0),
        }
    }

    /// The way up into it.
    fn upstream(&self) -> Outlet {
        match self {
            Self::One(inbox) => Outlet::Link(inbox.clone()),
            Self::Many { lasts, .. } => Outlet::Fan(lasts.clone(), 0),
        }
    }

    /// What joins the frames that come out of it.
    fn join(&self) -> Option<Join> {
        match self {
            Self::One(_) => None,
            Self::Many { firsts, .. } => Some(Join::new(firsts.len())),
        }
    }
}
