//! Values in words: times, numbers, states.

use super::{Tone, badge};
use maud::{Markup, html};

/// An instant as `<time>`: how long ago, and the exact instant when the pointer rests on it.
pub(crate) fn when(at: i64, now: i64) -> Markup {
    let exact = scim::meta::rfc3339(at);
    html! { time datetime=(exact) title=(readable(&exact)) data-time { (ago(at, now)) } }
}

/// An instant as `<time>`, written out: `2026-11-25 21:34:06`.
pub(crate) fn time(at: i64) -> Markup {
    let exact = scim::meta::rfc3339(at);
    html! { time datetime=(exact) title={ (exact) } { (readable(&exact)) } }
}

fn readable(exact: &str) -> String {
    format!("{} UTC", exact.get(..19).unwrap_or(exact).replace('T', " "))
}

fn ago(at: i64, now: i64) -> String {
    let seconds = (now - at) / 1_000_000;
    let (span, ahead) = (seconds.unsigned_abs(), seconds < 0);
    // What lies ahead is rounded: a week that has just begun is 7 days, not 6.
    let whole = |unit: u64| if ahead { (span + unit / 2) / unit } else { span / unit };
    let (number, unit) = match span {
        0..5 => return if ahead { "in a moment".into() } else { "just now".into() },
        5..60 => (span, "s"),
        60..3_600 => (whole(60), "min"),
        3_600..86_400 => (whole(3_600), "h"),
        86_400..=604_800 => (whole(86_400), "d"),
        _ if ahead => (whole(86_400), "d"),
        _ => return scim::meta::rfc3339(at).get(..10).unwrap_or_default().to_owned(),
    };
    if ahead { format!("in {number} {unit}") } else { format!("{number} {unit} ago") }
}

/// A number with thin spaces: `1 284`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A number that was counted no further than [`LINKS_COUNTED_MAX`](crate::limits::LINKS_COUNTED_MAX), or a sum of such.
pub(crate) fn at_least(number: u64) -> String {
    let most = u64::from(crate::limits::LINKS_COUNTED_MAX);
    if number > most { format!("{}+", count(most)) } else { count(number) }
}

/// A part of a whole: `62 %`, `0.7 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "—".into();
    }
    let tenths = part.saturating_mul(1_000) / whole;
    if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{} %", tenths / 10, tenths % 10)
    } else {
        format!("{} %", tenths / 10)
    }
}

/// Microseconds as a person reads them.
pub(crate) fn ms(micros: i64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}

/// A size.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1_024 => format!("{size} B"),
        1_024..1_048_576 => format!("{} KiB", size / 1_024),
        1_048_576..1_073_741_824 => format!("{} MiB", size / 1_048_576),
        _ => format!("{}.{} GiB", size / 1_073_741_824, size % 1_073_741_824 / 107_374_183),
    }
}

/// The status of an answer as a badge: `201 Created`, `409 PRV-1007`.
pub(crate) fn status(status: u16, code: Option<&str>) -> Markup {
    let tone = match status {
        0..400 => Tone::Good,
        400..500 => Tone::Bad,
        _ => Tone::Bad,
    };
    let words = axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    badge(tone, format!("{status} {}", code.or(words).unwrap_or_default()).trim_end())
}

/// JSON text with its parts in classes, and characters that nobody can see written out.
pub(super) fn painted(text: &str) -> Markup {
    let mut parts: Vec<(&'static str, String)> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (class, length) = match first {
            '"' => {
                let length = string_length(rest);
                let is_key = rest.get(length..).is_some_and(|after| after.trim_start().starts_with(':'));
                (if is_key { "k" } else { "s" }, length)
            }
            '-' | '0'..='9' => {
                ("n", rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len()))
            }
            'a'..='z' => ("l", rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())),
            _ => (
                "",
                rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len())
                    .max(first.len_utf8()),
            ),
        };
        let (part, after) = rest.split_at_checked(length.max(1)).unwrap_or((rest, ""));
        parts.push((class, part.to_owned()));
        rest = after;
    }
    html! { @for (class, part) in &parts { @if class.is_empty() { (visible(part)) } @else { span class=(class) { (visible(part)) } } } }
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A cell of CSV (RFC 4180); what a spreadsheet would take for a formula gets an apostrophe in front.
pub(crate) fn csv_cell(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if risky { "'" } else { "" }, text.replace('"', "\"\""))
}

/// Text in which characters without a shape of their own are named, such as U+200B.
pub(crate) fn visible(text: &str) -> Markup {
    let hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{a0}')
            || (c.is_control() && c != '\n' && c != '\t')
    };
    html! {
        @for part in text.split_inclusive(hidden) {
            @let last = part.chars().next_back().filter(|c| hidden(*c));
            (last.map_or(part, |c| part.strip_suffix(c).unwrap_or(part)))
            @if let Some(c) = last { mark .hidden-char title="a character that cannot be seen" { (format!("U+{:04X}", u32::from(c))) } }
        }
    }
}

/// XML with a line for each tag, set in by depth. What is no XML comes out as it is, in lines.
pub(super) fn indented(xml: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(xml.len()), 0_usize);
    for line in xml.replace("><", ">\n<").lines() {
        if line.starts_with("</") {
            depth = depth.saturating_sub(1);
        }
        out.push_str(&"  ".repeat(depth.min(20)));
        out.push_str(line);
        out.push('\n');
        let is_open = line.starts_with('<') && !line.starts_with("<?") && !line.contains("</") && !line.ends_with("/>");
        depth = depth.saturating_add(usize::from(is_open));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_words() {
        assert_eq!(count(1_284_000), "1\u{202f}284\u{202f}000");
        assert_eq!(
            (percent(7, 1_000), percent(620, 1_000), percent(0, 0)),
            ("0.7 %".into(), "62 %".into(), "—".into())
        );
        assert_eq!((ms(999), ms(1_460), ms(14_000)), ("999 µs".into(), "1.4 ms".into(), "14 ms".into()));
        assert_eq!(ago(0, 90_000_000), "1 min ago");
        assert_eq!(ago(3 * 86_400_000_000, 0), "in 3 d");
        assert_eq!(ago(7 * 86_400_000_000 - 5_000_000, 0), "in 7 d");
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert!(visible("Müller\u{200b}").into_string().contains("U+200B"));
        assert_eq!(visible("a\nb").into_string(), "a\nb");
    }

    #[test]
    fn painting_loses_nothing() {
        let text = "{\n  \"a\": [1.5e3, true, null, \"x\\\"<y>\"]\n} trailing ü";
        let html = painted(text).into_string();
        assert!(html.contains("<span class=\"k\">&quot;a&quot;</span>"), "{html}");
        let plain: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, after)| after)).collect();
        assert_eq!(plain.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">"), text);
    }

    #[test]
    fn xml_has_a_line_for_each_tag() {
        assert_eq!(indented("<a><b>x</b><c/></a>"), "<a>\n  <b>x</b>\n  <c/>\n</a>\n");
        assert_eq!(indented("no xml"), "no xml\n");
    }
}
