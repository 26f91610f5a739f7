//! What was measured, as a table for people and as JSON for programs.

use crate::{harness::Row, memory::Size};

pub fn head() {
    println!(
        "{:<34} {:>11} {:>11} {:>7} {:>15} {:>7}   {:>11} {:>11}",
        "", "ours ns", "peer ns", "ratio", "quartiles", "target", "ours cpu ns", "peer cpu ns"
    );
}

/// One row, as soon as it is there.
pub fn print(row: &Row) {
    let [low, median, high] = row.ratio;
    let target = row
        .target
        .map_or("-".to_owned(), |target| format!("{target:.1}"));
    let verdict = match row.target {
        Some(target) if median < target => "  << BELOW TARGET",
        _ => "",
    };
    println!(
        "{:<34} {:>11.1} {:>11.1} {:>6.2}x {:>6.2} - {:>6.2} {:>7}   {:>11.1} {:>11.1}{verdict}",
        row.name,
        row.ours.wall,
        row.peer.wall,
        median,
        low,
        high,
        target,
        row.ours.cpu,
        row.peer.cpu
    );
}

pub fn print_sizes(sizes: &[Size]) {
    for size in sizes {
        let verdict = if size.ours > size.target {
            "  << ABOVE TARGET"
        } else {
            ""
        };
        println!(
            "\n{}: {} bytes in {} allocations; peer {} bytes in {}; target at most {} bytes{verdict}",
            size.name,
            size.ours,
            size.our_allocations,
            size.peer,
            size.peer_allocations,
            size.target
        );
    }
}

pub fn json(rows: &[Row], sizes: &[Size]) -> String {
    let rows: Vec<String> = rows.iter().map(row_json).collect();
    let sizes: Vec<String> = sizes
        .iter()
        .map(|size| {
            format!(
                r#"{{"name": {:?}, "ours_bytes": {}, "peer_bytes": {}, "target_bytes": {}}}"#,
                size.name, size.ours, size.peer, size.target
            )
        })
        .collect();
    format!(
        "{{\n\"rows\": [\n{}\n],\n\"sizes\": [\n{}\n]\n}}\n",
        rows.join(",\n"),
        sizes.join(",\n")
    )
}

fn row_json(row: &Row) -> String {
    let [low, median, high] = row.ratio;
    let target = row
        .target
        .map_or("null".to_owned(), |target| target.to_string());
    format!(
        r#"{{"name": {:?}, "ours_ns": {:.2}, "peer_ns": {:.2}, "ratio": {median:.4}, "lower_quartile": {low:.4}, "upper_quartile": {high:.4}, "target": {target}, "ours_cpu_ns": {:.2}, "peer_cpu_ns": {:.2}}}"#,
        row.name, row.ours.wall, row.peer.wall, row.ours.cpu, row.peer.cpu
    )
}
