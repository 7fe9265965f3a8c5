//! The plot: CPU of one frame through ten processors at the pace of real calls, on a logarithmic scale.

use std::fmt::Write;

use crate::{row::Row, table::median};

/// Who is drawn, with how many pipelines: the most each was measured at.
const BARS: [(&str, &str, u64); 6] = [
    ("Voxline, ten synchronous", "Voxline", 1000),
    ("Voxline, one asynchronous", "Voxline (one async)", 1000),
    ("Voxline, ten asynchronous", "Voxline (ten async)", 1000),
    ("flowcat-core", "flowcat-core", 1000),
    ("rustvani", "rustvani", 1000),
    ("Pipecat", "Pipecat (10 calls)", 10),
];
const LEFT: f64 = 190.0;
const WIDTH: f64 = 460.0;
const ROW: f64 = 34.0;
/// The scale goes from one to a thousand microseconds.
const DECADES: f64 = 3.0;

/// The plot as SVG. Who was not measured is left out.
pub(crate) fn paced(rows: &[Row]) -> String {
    let bars: Vec<(&str, f64)> = BARS
        .iter()
        .filter_map(|&(subject, label, pipelines)| {
            Some((label, median(rows, subject, "paced", pipelines, "cpu_us_per_frame")?))
        })
        .collect();
    let height = ROW * bars.len() as f64 + 70.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"720\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"15\">CPU of one 20 ms frame through ten processors, 50 frames a second a call</text>\n"
    );
    for (index, (label, microseconds)) in bars.iter().enumerate() {
        let y = 44.0 + ROW * index as f64;
        let width = (microseconds.max(1.0).log10() / DECADES * WIDTH).max(2.0);
        let colour = if label.starts_with("Voxline") { "#2563a8" } else { "#9aa3ad" };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"22\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{microseconds:.1} µs</text>",
            LEFT - 8.0,
            y + 16.0,
            LEFT + width + 8.0,
            y + 16.0,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" fill=\"#555\">logarithmic scale</text>\n</svg>",
        height - 10.0
    );
    svg
}
