//! The figures of the guide's page about performance: what stands there comes from a run, and from nobody's hands.

use crate::chart;
use crate::options::Database;
use crate::report::{Report, Row, count, or_dash, time};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn heading(database: &str) -> String {
    format!("## Figures: {database}")
}

/// Puts the section in the place of the one that is there, and draws its charts.
pub(crate) fn write(report: &Report, database: Database) {
    let page = docs().join("guide/performance.md");
    let old = std::fs::read_to_string(&page).expect("the guide has a page about performance");
    let heading = heading(report.database);
    let (before, rest) = old.split_once(&heading).unwrap_or_else(|| panic!("{} has no {heading}", page.display()));
    let after = rest.find("\n## ").map_or("", |place| &rest[place..]);
    std::fs::write(&page, format!("{before}{}{after}", section(report))).expect("the page can be written");
    for (what, title, axis, rows) in [
        ("users", "p50 of one request at a time, against people", "people in the directory", &report.people),
        ("members", "p50 of one request at a time, against members", "members of the group", &report.members),
    ] {
        let alone: Vec<&Row> = rows.iter().filter(|row| row.connections == 1).collect();
        let file = docs().join(format!("images/performance-{what}-{}.svg", database.slug()));
        std::fs::write(file, chart::draw(&format!("{}: {title}", report.database), axis, &alone)).expect("a file");
    }
}

/// The section as Markdown.
pub(crate) fn section(report: &Report) -> String {
    let mut out = heading(report.database);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let main = report.people.first().map_or(0, |row| row.beside);
    let _ = writeln!(
        out,
        "\n\nOne run of `cargo bench -p provost --bench wire` on {cores} cores that server, load and floors share.\n\n### What was to be reached\n"
    );
    targets(&mut out, report);
    let _ = writeln!(out, "\n### {} people\n\nThe ratios are those of the most connections.\n", count(main));
    throughput(&mut out, &report.people);
    let slug = if report.database == "SQLite" { "sqlite" } else { "postgres" };
    let _ = writeln!(
        out,
        "\n### Against the number of people\n\n![p50 against people](../images/performance-users-{slug}.svg)\n"
    );
    growth(&mut out, &report.people);
    let _ = writeln!(
        out,
        "\n### Against the size of a group\n\n![p50 against members](../images/performance-members-{slug}.svg)\n"
    );
    growth(&mut out, &report.members);
    out.push_str("\nWith more connections, on the largest group:\n\n");
    throughput(&mut out, &report.members);
    directories(&mut out, report);
    log(&mut out, report);
    out
}

/// A column for each number of connections.
fn throughput(out: &mut String, rows: &[Row]) {
    let mut connections: Vec<usize> = rows.iter().map(|row| row.connections).collect();
    connections.sort_unstable();
    connections.dedup();
    let heads: Vec<String> = connections.iter().map(|number| format!("{number} at once: a second, p50, p99")).collect();
    let _ = writeln!(out, "| operation | {} | of axum, same bytes | of SQLite alone |", heads.join(" | "));
    let _ = writeln!(out, "|---|{}--:|--:|", "--:|".repeat(connections.len()));
    for operation in names(rows) {
        let of = |number: &usize| rows.iter().find(|row| row.operation == operation && row.connections == *number);
        let cells = connections.iter().map(|number| {
            of(number).and_then(Row::main).map_or_else(
                || "–".to_owned(),
                |cell| format!("{:.0}, {}, {}", cell.rate(), time(cell.p50()), time(cell.p99())),
            )
        });
        let cells: Vec<String> = cells.collect();
        let last = connections.iter().rev().find_map(of);
        let (axum, sqlite) = (last.and_then(Row::of_axum), last.and_then(Row::of_sqlite));
        let _ = writeln!(out, "| {operation} | {} | {} | {} |", cells.join(" | "), or_dash(axum), or_dash(sqlite));
    }
}

/// A column for each size, one request at a time.
fn growth(out: &mut String, rows: &[Row]) {
    let alone: Vec<&Row> = rows.iter().filter(|row| row.connections == 1).collect();
    let Some(first) = alone.first() else { return };
    let sizes: Vec<usize> = first.cells.iter().map(|(size, _)| *size).collect();
    let heads: Vec<String> = sizes.iter().map(|size| count(*size)).collect();
    let _ = writeln!(
        out,
        "| p50, one at a time | {} | last : first |\n|---|{}--:|",
        heads.join(" | "),
        "--:|".repeat(sizes.len())
    );
    for row in alone {
        let cells: Vec<String> =
            sizes.iter().map(|size| row.cell(*size).map_or_else(|| "–".to_owned(), |cell| time(cell.p50()))).collect();
        let _ = writeln!(out, "| {} | {} | {} |", row.operation, cells.join(" | "), or_dash(row.growth()));
    }
}

/// Operations in their order, each once.
fn names(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.operation.as_str()) {
            names.push(&row.operation);
        }
    }
    names
}

fn directories(out: &mut String, report: &Report) {
    out.push_str(
        "\n### Memory, start, import\n\nOwn memory is what the process has for itself behind the load; the peak holds also the program and its libraries. Nothing of the database's file is mapped.\n\n",
    );
    out.push_str("| people | own memory | peak | from start to ready | imported a second | rows copied to PostgreSQL a second |\n|--:|--:|--:|--:|--:|--:|\n");
    for (users, made) in &report.made {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| count(rate as usize));
        let _ = writeln!(
            out,
            "| {} | {} MB | {} MB | {} | {} | {} |",
            count(*users),
            made.own_kib / 1024,
            made.resident_kib / 1024,
            time(made.cold_start),
            rate(made.imported),
            rate(made.copied),
        );
    }
    if let Some(alone) = report.imported_alone {
        let _ = writeln!(
            out,
            "\nSQLite alone writes the rows of {} people a second as an import does: 1 000 people in a transaction, without savepoints.",
            count(alone as usize)
        );
    }
}

fn log(out: &mut String, report: &Report) {
    if report.log.is_empty() {
        return;
    }
    out.push_str("\n### What the provisioning log costs\n\nWith it : without it, the middle of turns that take each other off.\n\n| operation | connections | requests a second | from turn to turn | processor time of the server for a request |\n|---|--:|--:|--:|--:|\n");
    for cost in &report.log {
        let ratios = cost.ratios(|turn| turn.per_second);
        let [least, most] = [ratios.first(), ratios.last()].map(|ratio| ratio.copied().unwrap_or_default());
        let _ = writeln!(
            out,
            "| {} | {} | {:.2} | {least:.2} – {most:.2} | {:.2} |",
            cost.operation,
            cost.connections,
            cost.rate(),
            cost.cpu()
        );
    }
}

/// What this project wants of itself, and what it has.
fn targets(out: &mut String, report: &Report) {
    out.push_str("| | wanted | reached | |\n|---|--:|--:|---|\n");
    let busiest =
        |name: &str| report.people.iter().filter(|row| row.operation == name).max_by_key(|row| row.connections);
    let alone =
        |rows: &[Row], name: &str| rows.iter().find(|row| row.operation == name && row.connections == 1).cloned();
    let growth = |name: &str| alone(&report.people, name).and_then(|row| row.growth());
    let largest = report.made.last();
    let deep = alone(&report.people, "list, first page").zip(alone(&report.people, "list, 9/10 deep by cursor"));
    let deep = deep.and_then(|(first, deep)| {
        Some(deep.cells.last()?.1.p50().as_secs_f64() / first.cells.last()?.1.p50().as_secs_f64())
    });
    let (least, most) = report
        .people
        .first()
        .map_or((0, 0), |row| (row.cells.first().map_or(0, |cell| cell.0), row.cells.last().map_or(0, |cell| cell.0)));
    let against = format!("p50 at {} people : at {}", count(most), count(least));
    let mut line = |what: &str, at_least: bool, wanted: f64, unit: &str, reached: Option<f64>| {
        let Some(reached) = reached.filter(|reached| reached.is_normal()) else { return };
        let good = if at_least { reached >= wanted } else { reached <= wanted };
        let number = |number: f64| if number < 100.0 { format!("{number:.2}") } else { count(number as usize) };
        let sign = if at_least { "≥" } else { "≤" };
        let word = if good { "yes" } else { "**no**" };
        let _ = writeln!(out, "| {what} | {sign} {}{unit} | {}{unit} | {word} |", number(wanted), number(reached));
    };
    line("read by id : axum with the same bytes", true, 0.6, "", busiest("read by id").and_then(Row::of_axum));
    line("userName eq : axum with the same bytes", true, 0.45, "", busiest("userName eq").and_then(Row::of_axum));
    line("durable create : SQLite alone with the same rows", true, 0.5, "", busiest("create").and_then(Row::of_sqlite));
    for name in ["userName eq", "emails[type eq and value eq]", "custom attribute eq"] {
        line(&format!("{name}: {against}"), false, 1.3, "", growth(name));
    }
    line("a page 9/10 deep by cursor : the first page", false, 1.3, "", deep);
    let members = alone(&report.members, "add or remove 1 member");
    let of = members.as_ref().and_then(|row| Some((row.cells.first()?.0, row.cells.last()?.0))).unwrap_or_default();
    let name = format!("a member more or less: p50 at {} : at {}", count(of.1), count(of.0));
    line(&name, false, 1.3, "", members.and_then(|row| row.growth()));
    if let Some((users, made)) = largest {
        let people = count(*users);
        line(
            &format!("own memory with {people} people, behind the load"),
            false,
            200.0,
            " MB",
            Some(made.own_kib as f64 / 1024.0),
        );
        line(
            &format!("start to ready with {people} people"),
            false,
            1_000.0,
            " ms",
            Some(made.cold_start.as_secs_f64() * 1e3),
        );
        // With PostgreSQL the directory was copied there from SQLite.
        let imported = made.imported.filter(|_| made.copied.is_none());
        line("import into SQLite, a second", true, 20_000.0, "", imported);
        let alone = imported.zip(report.imported_alone).map(|(imported, alone)| imported / alone);
        line("import : SQLite alone with the same rows", true, 0.5, "", alone);
    }
    for cost in &report.log {
        let name = format!("{}, {} at once, with the log : without it", cost.operation, cost.connections);
        line(&name, true, 0.95, "", Some(cost.rate()));
    }
}
