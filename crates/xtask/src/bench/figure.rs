//! One measured figure, and the table of all.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

/// A figure, its peer's, and what we promise about either or about their ratio.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) ours: f64,
    pub(super) peer: Option<(&'static str, f64)>,
    pub(super) target: Target,
}

/// The promise.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Our own figure, in the figure's unit.
    AtMost(f64),
    /// Ours divided by the peer's.
    RatioAtMost(f64),
    /// Ours divided by the peer's.
    RatioAtLeast(f64),
    /// Neither is more than this times the other.
    RatioWithin(f64),
    /// Ours less the peer's, in the figure's unit.
    AddsAtMost(f64),
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.peer.map(|(_, peer)| self.ours / peer)
    }

    fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost(limit) => self.ours <= limit,
            Target::RatioAtMost(limit) => self.ratio().is_some_and(|ratio| ratio <= limit),
            Target::RatioAtLeast(limit) => self.ratio().is_some_and(|ratio| ratio >= limit),
            Target::RatioWithin(limit) => self
                .ratio()
                .is_some_and(|ratio| ratio <= limit && ratio >= limit.recip()),
            Target::AddsAtMost(limit) => {
                let adds = |(_, peer)| self.ours - peer <= limit;
                self.peer.is_some_and(adds)
            }
        }
    }

    fn target(&self) -> String {
        match self.target {
            Target::AtMost(limit) => format!("<= {limit} {}", self.unit),
            Target::RatioAtMost(limit) => format!("<= {limit:.2}x"),
            Target::RatioAtLeast(limit) => format!(">= {limit:.2}x"),
            Target::RatioWithin(limit) => format!("<= {limit:.2}x either way"),
            Target::AddsAtMost(limit) => format!("<= {limit} {} more", self.unit),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "figure": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer.map(|(name, value)| json!({"name": name, "value": value})),
            "ratio": self.ratio(),
            "target": self.target(),
            "ok": self.is_met(),
        })
    }

    fn cells(&self) -> [String; 6] {
        let value = |number: f64| format!("{} {}", rounded(number), self.unit);
        [
            self.name.to_owned(),
            value(self.ours),
            self.peer.map_or_else(
                || "-".to_owned(),
                |(name, number)| format!("{} ({name})", value(number)),
            ),
            self.ratio()
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x")),
            self.target(),
            if self.is_met() { "ok" } else { "MISS" }.to_owned(),
        ]
    }
}

/// Three digits that matter, and no more.
fn rounded(number: f64) -> String {
    match number.abs() {
        size if size < 10.0 => format!("{number:.2}"),
        size if size < 100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// All figures, in columns as wide as they need to be.
pub(super) fn table(figures: &[Figure]) -> String {
    let head = ["figure", "ours", "peer", "ratio", "target", ""].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head)
        .chain(figures.iter().map(Figure::cells))
        .collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        for (width, cell) in widths.iter().zip(row) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{cell:width$}  ");
        }
        text = text.trim_end().to_owned() + "\n";
    }
    text
}

/// The middle of several durations, in milliseconds.
pub(super) fn median_ms(durations: Vec<Duration>) -> f64 {
    percentile_ms(durations, 50)
}

/// The duration, in milliseconds, that so many of a hundred are below.
pub(super) fn percentile_ms(mut durations: Vec<Duration>, percent: usize) -> f64 {
    durations.sort();
    let at = durations.get(durations.len() * percent / 100).copied();
    at.unwrap_or_default().as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(ours: f64, peer: Option<f64>, target: Target) -> Figure {
        Figure {
            name: "a figure",
            unit: "ms",
            ours,
            peer: peer.map(|value| ("redis", value)),
            target,
        }
    }

    #[test]
    fn a_missed_target_says_so() {
        let cases = [
            (figure(1.0, None, Target::AtMost(1.0)), true),
            (figure(1.1, None, Target::AtMost(1.0)), false),
            (figure(1.0, Some(4.0), Target::RatioAtMost(0.25)), true),
            (figure(1.1, Some(4.0), Target::RatioAtMost(0.25)), false),
            (figure(2.0, Some(4.0), Target::RatioAtLeast(0.5)), true),
            (figure(1.9, Some(4.0), Target::RatioAtLeast(0.5)), false),
            (figure(1.0, None, Target::RatioAtLeast(0.5)), false),
            (figure(4.3, Some(4.0), Target::RatioWithin(1.1)), true),
            (figure(4.0, Some(4.3), Target::RatioWithin(1.1)), true),
            (figure(4.5, Some(4.0), Target::RatioWithin(1.1)), false),
            (figure(4.0, Some(4.5), Target::RatioWithin(1.1)), false),
            (figure(6.0, Some(4.0), Target::AddsAtMost(2.0)), true),
            (figure(6.1, Some(4.0), Target::AddsAtMost(2.0)), false),
            (figure(0.1, None, Target::AddsAtMost(2.0)), false),
        ];
        for (figure, met) in cases {
            assert_eq!(figure.is_met(), met, "{figure:?}");
            let table = table(&[figure]);
            assert_eq!(table.contains("MISS"), !met, "{table}");
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        let durations = [9, 1, 5].map(Duration::from_millis).to_vec();
        assert!((median_ms(durations) - 5.0).abs() < 1e-9);
        let durations: Vec<_> = (0..200).map(Duration::from_millis).collect();
        assert!((percentile_ms(durations, 99) - 198.0).abs() < 1e-9);
    }
}
