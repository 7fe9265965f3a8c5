//! The plots: what Voxline and others cost, as bars on a logarithmic scale whose ends are written below.

use std::fmt::Write;

use crate::{row::Row, table::median};

/// A plot, and the name of its file.
pub(crate) struct Plot {
    pub(crate) file: &'static str,
    title: &'static str,
    figure: &'static str,
    number: &'static str,
    unit: &'static str,
    bars: &'static [Bar],
}

/// Who is drawn: the subject of its row, its label, and with how many pipelines (of any number if none is said).
type Bar = (&'static str, &'static str, Option<u64>);

const PASSING: &[Bar] = &[
    ("Voxline, ten synchronous", "Voxline", Some(1000)),
    ("Voxline, one asynchronous", "Voxline (one async)", Some(1000)),
    ("Voxline, ten asynchronous", "Voxline (ten async)", Some(1000)),
    ("flowcat-core", "flowcat-core", Some(1000)),
    ("rustvani", "rustvani", Some(1000)),
    ("Pipecat", "Pipecat (10 calls)", Some(10)),
];
const SESSIONS: &[Bar] = &[("Voxline", "Voxline", None), ("Pipecat", "Pipecat", None)];
const ECHO: &[Bar] = &[
    ("bare socket, no pipeline", "bare socket", Some(500)),
    ("Voxline, five processors", "Voxline", Some(500)),
    ("flowcat-core, five processors", "flowcat-core", Some(500)),
    ("rustvani, five processors", "rustvani", Some(500)),
    ("Pipecat, five processors", "Pipecat (10 calls)", Some(10)),
];

pub(crate) const PLOTS: [Plot; 5] = [
    Plot {
        file: "performance.svg",
        title: "CPU of one 20 ms frame through ten processors, 50 frames a second a call",
        figure: "paced",
        number: "cpu_us_per_frame",
        unit: "µs",
        bars: PASSING,
    },
    Plot {
        file: "performance-latency.svg",
        title: "99th percentile of a frame's way through ten processors, 1,000 calls",
        figure: "paced",
        number: "p99_us",
        unit: "µs",
        bars: PASSING,
    },
    Plot {
        file: "performance-sessions.svg",
        title: "Whole agent sessions that one core holds in time",
        figure: "sessions per core",
        number: "sessions_per_core",
        unit: "",
        bars: SESSIONS,
    },
    Plot {
        file: "performance-echo.svg",
        title: "CPU of one second of an echoed call, 500 calls over WebSockets",
        figure: "echo",
        number: "cpu_ms_per_call_second",
        unit: "ms",
        bars: ECHO,
    },
    Plot {
        file: "performance-echo-latency.svg",
        title: "99th percentile of an echo's round trip, 500 calls over WebSockets",
        figure: "echo",
        number: "p99_us",
        unit: "µs",
        bars: ECHO,
    },
];

const LEFT: f64 = 190.0;
const WIDTH: f64 = 430.0;
const ROW: f64 = 34.0;

impl Plot {
    /// As SVG; `None` if nobody in it was measured. Who was not measured is left out.
    pub(crate) fn draw(&self, rows: &[Row]) -> Option<String> {
        let bars: Vec<(&str, f64)> = self
            .bars
            .iter()
            .filter_map(|&(subject, label, pipelines)| {
                Some((label, median(rows, subject, self.figure, pipelines, self.number)?))
            })
            .filter(|&(_, value)| value > 0.0)
            .collect();
        let logs = || bars.iter().map(|(_, value)| value.log10());
        // One decade below the least, so that its bar has a length.
        let from = logs().reduce(f64::min)?.floor() - 1.0;
        let to = logs().reduce(f64::max)?.ceil().max(from + 2.0);
        let height = ROW * bars.len() as f64 + 70.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
             <rect width=\"720\" height=\"{height}\" fill=\"white\"/>\n\
             <text x=\"16\" y=\"26\" font-size=\"15\">{}</text>\n",
            self.title
        );
        for (index, (label, value)) in bars.iter().enumerate() {
            let y = 44.0 + ROW * index as f64;
            let width = (value.log10() - from) / (to - from) * WIDTH;
            let colour = if label.starts_with("Voxline") { "#2563a8" } else { "#9aa3ad" };
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"22\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{} {}</text>",
                LEFT - 8.0,
                y + 16.0,
                LEFT + width + 8.0,
                y + 16.0,
                written(*value),
                self.unit,
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{}\" fill=\"#555\">logarithmic scale, from {} to {} {}</text>\n</svg>",
            height - 10.0,
            10_f64.powf(from),
            10_f64.powf(to),
            self.unit
        );
        Some(svg)
    }
}

/// Three digits of a small number, none behind the point of a large one.
fn written(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
