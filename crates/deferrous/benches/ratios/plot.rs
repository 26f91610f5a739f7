//! What was measured, as a picture: a bar for each row.
//!
//! The colours are of middle lightness, so that they can be read on light backgrounds and on dark
//! ones.

use std::fmt::Write;

use crate::{harness::Row, memory::Size};

const WIDTH: f64 = 760.0;
/// Where the bars begin, and how far the longest goes.
const BARS: (f64, f64) = (330.0, 690.0);
const TOP: f64 = 74.0;
const ROW: f64 = 42.0;
const BAR: f64 = 18.0;

const TEXT: &str = "#7b8490";
const OURS: &str = "#2f8f83";
const SPREAD: &str = "#9aa3ae";

struct Bar<'a> {
    name: &'a str,
    peer: &'a str,
    /// The lower quartile, the median and the upper quartile of the peer's cost over ours.
    ratio: [f64; 3],
}

pub fn svg(rows: &[Row], sizes: &[Size], caption: &str) -> String {
    let times = rows.iter().map(|row| Bar {
        name: row.name,
        peer: row.peer_name,
        ratio: row.ratio,
    });
    let sizes = sizes.iter().map(|size| Bar {
        name: size.name,
        peer: size.peer_name,
        ratio: [size.peer as f64 / size.ours as f64; 3],
    });
    let bars: Vec<Bar> = times.chain(sizes).collect();
    let longest = bars.iter().map(|bar| bar.ratio[2]).fold(1.0, f64::max);
    let at = |ratio: f64| BARS.0 + (BARS.1 - BARS.0) * ratio / longest;
    let bottom = TOP + ROW * bars.len() as f64;
    let mut out = head(bottom + 34.0);
    text(
        &mut out,
        (16.0, 28.0),
        "16px",
        "600",
        "Time of the peer, over ours",
    );
    let what = "Longer is better for Deferrous. For memory, bytes instead of time. The thin lines are quartiles.";
    text(&mut out, (16.0, 48.0), "12px", "400", what);
    for (n, bar) in bars.iter().enumerate() {
        draw(&mut out, bar, TOP + ROW * n as f64, at);
    }
    let one = at(1.0);
    let (above, below) = (TOP - 6.0, bottom - 4.0);
    let _ = writeln!(
        out,
        r#"<path d="M{one:.1} {above}V{below}" stroke="{TEXT}" stroke-width="1.5" stroke-dasharray="4 3"/>"#
    );
    let _ = writeln!(
        out,
        r#"<text x="{one:.1}" y="{}" font-size="11px" text-anchor="middle">1.0: the same</text>"#,
        above - 3.0
    );
    text(&mut out, (16.0, bottom + 20.0), "11px", "400", caption);
    out + "</svg>\n"
}

fn head(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" fill=\"{TEXT}\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif\">\n\
         <title>How the time of the peers compares with that of Deferrous</title>\n"
    )
}

fn draw(out: &mut String, bar: &Bar, y: f64, at: impl Fn(f64) -> f64) {
    let [low, ratio, high] = bar.ratio;
    text(out, (16.0, y + 13.0), "13px", "600", bar.name);
    text(out, (16.0, y + 29.0), "11px", "400", bar.peer);
    let (top, middle) = (y + 5.0, y + 5.0 + BAR / 2.0);
    let long = at(ratio) - BARS.0;
    let _ = writeln!(
        out,
        r#"<rect x="{}" y="{top}" width="{long:.1}" height="{BAR}" rx="2" fill="{OURS}"/>"#,
        BARS.0
    );
    let _ = writeln!(
        out,
        r#"<path d="M{:.1} {middle}H{:.1}" stroke="{SPREAD}" stroke-width="2"/>"#,
        at(low),
        at(high)
    );
    let (end, one) = (at(high) + 8.0, at(1.0));
    // Beside the line, if it would be on it.
    let clear = if (one - 42.0..one + 6.0).contains(&end) {
        one + 6.0
    } else {
        end
    };
    let value = format!("{ratio:.2}x");
    text(out, (clear, middle + 4.5), "13px", "600", &value);
}

fn text(out: &mut String, (x, y): (f64, f64), size: &str, weight: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" font-weight="{weight}">{text}</text>"#
    );
}
