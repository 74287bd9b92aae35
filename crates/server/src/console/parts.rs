//! The pieces that pages are made of: functions from values to HTML. None has a style or a handler of its own.

mod fields;
mod lists;
mod words;

pub(crate) use fields::{Field, choice, confirm, field, form, switch, text_area};
pub(crate) use lists::{Column, Facet, Order, Row, Table, Turn, definitions, facets, facets_with, pager, table, tabs};
pub(crate) use words::{at_least, bytes, count, csv_cell, ms, percent, status, time, visible, when};

use super::desk::{Desk, Flash};
use super::icon::Icon;
use maud::{Markup, html};

/// What a state means; always shown with an icon and a word, never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
    Info,
    Quiet,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Quiet => "quiet",
        }
    }

    pub(crate) fn icon(self) -> Icon {
        match self {
            Self::Good => Icon::Check,
            Self::Warn => Icon::Warning,
            Self::Bad => Icon::Cross,
            Self::Info => Icon::Info,
            Self::Quiet => Icon::Dot,
        }
    }
}

/// A state in a word.
pub(crate) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (tone.icon().svg()) (word) } }
}

/// A part of a page under a heading of its own.
pub(crate) fn card(title: &str, body: Markup) -> Markup {
    card_with(title, html! {}, body)
}

/// A card with something beside its heading: a state, a link, a button.
pub(crate) fn card_with(title: &str, aside: Markup, body: Markup) -> Markup {
    html! {
        section .card {
            header { h2 { (title) } (aside) }
            (body)
        }
    }
}

/// A box with something that the reader should not overlook.
pub(crate) fn note(tone: Tone, title: &str, body: Markup) -> Markup {
    html! {
        div class={ "note " (tone.class()) } {
            (tone.icon().svg())
            div { @if !title.is_empty() { strong { (title) } } (body) }
        }
    }
}

/// A number with its name, as on the overview; `value` says "—" where there is nothing to count.
pub(crate) fn tile(value: &str, name: &str, detail: Markup) -> Markup {
    html! { div .tile { p .tile-name { (name) } p .tile-value { (value) } p .tile-detail { (detail) } } }
}

/// A button that copies a value; its words say what: "Copy SCIM Endpoint".
pub(crate) fn copy_button(what: &str, value: &str) -> Markup {
    html! {
        button .copy.small type="button" data-copy=(value) aria-label={ "Copy " (what) } { (Icon::Copy.svg()) span { "Copy" } }
    }
}

/// A copy button with other words on it: "Copy namespace".
pub(crate) fn copy_as(words: &str, what: &str, value: &str) -> Markup {
    html! {
        button .copy.small type="button" data-copy=(value) aria-label={ (words) ": " (what) } {
            (Icon::Copy.svg()) span { (words) }
        }
    }
}

/// A value that is read and copied, with its label above. `id` is unique on the page.
pub(crate) fn copy_box(id: &str, label: &str, value: &str) -> Markup {
    html! {
        div .copy-box {
            label for=(id) { (label) }
            div .joined {
                input .mono #(id) type="text" readonly value=(value) spellcheck="false" autocomplete="off";
                (copy_button(label, value))
            }
        }
    }
}

/// A block of code or JSON, with a button that copies it. Long lines scroll inside.
pub(crate) fn code(label: &str, text: &str) -> Markup {
    html! {
        figure .code {
            figcaption { (label) (copy_button(label, text)) }
            pre tabindex="0" role="group" aria-label=(label) { code { (text) } }
        }
    }
}

/// XML with a line for each tag; what is copied is the text as it is.
pub(crate) fn xml(label: &str, text: &str) -> Markup {
    html! {
        figure .code {
            figcaption { (label) (copy_button(label, text)) }
            pre tabindex="0" role="group" aria-label=(label) { code { (words::indented(text)) } }
        }
    }
}

/// JSON as it came, behind its painted form, where the two differ.
pub(crate) fn raw(label: &str, text: &str) -> Markup {
    let pretty = serde_json::from_str::<serde_json::Value>(text).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    html! {
        @if pretty.is_some_and(|pretty| pretty != text) {
            details .raw {
                summary { (label) }
                figure .code {
                    figcaption { (label) (copy_button(label, text)) }
                    pre tabindex="0" role="group" aria-label=(label) { code { (visible(text)) } }
                }
            }
        }
    }
}

/// JSON, indented and coloured, with invisible characters painted.
pub(crate) fn json(label: &str, text: &str) -> Markup {
    let pretty = serde_json::from_str::<serde_json::Value>(text).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let shown = pretty.as_deref().unwrap_or(text);
    html! {
        figure .code {
            figcaption { (label) (copy_button(label, shown)) }
            pre tabindex="0" role="group" aria-label=(label) { code { (words::painted(shown)) } }
        }
    }
}

/// Nothing here yet: a drawing, a sentence, one thing to do.
pub(crate) fn empty(icon: Icon, title: &str, text: Markup, action: Option<Markup>) -> Markup {
    html! {
        div .empty {
            (icon.svg())
            h2 { (title) }
            p { (text) }
            @if let Some(action) = action { div .actions { (action) } }
        }
    }
}

/// A link that looks like a button; `main` for the one thing to do here.
pub(crate) fn link(href: &str, words: &str, main: bool) -> Markup {
    html! { a class=(if main { "button main" } else { "button" }) href=(href) { (words) } }
}

/// How far a job is. Without a total it says that it is not known.
pub(crate) fn progress(label: &str, done: u64, total: Option<u64>) -> Markup {
    // Read aloud at each quarter, and not in between.
    let quarter = total.map(|total| done.saturating_mul(4) / total.max(1) * 25);
    html! {
        div .progress {
            @if let Some(quarter) = quarter { p .unseen role="status" { (label) ": " (quarter) " %" } }
            p {
                span { (label) }
                span {
                    @match total {
                        Some(total) => { (count(done)) " of " (count(total)) " · " (percent(done, total)) },
                        None => { (count(done)) " so far; the total is not known yet" },
                    }
                }
            }
            @match total {
                Some(total) => progress max=(total.max(1)) value=(done) aria-label=(label) {},
                None => progress aria-label=(label) {},
            }
        }
    }
}

/// A secret that is shown this once: `name` becomes the name of the download, `again` leads away from it.
pub(crate) fn once(name: &str, secret: &str, as_header: bool, again: &str) -> Markup {
    let header = format!("Authorization: Bearer {secret}");
    html! {
        section .card.once data-leave="The secret on this page is shown only now. Leave anyway?" {
            header { h2 { "Copy it now: it is shown only this once" } (badge(Tone::Warn, "Secret")) }
            (copy_box("once-secret", name, secret))
            p .hint { "Only a hash of it is kept. If it is lost, make a new one." }
            div .actions {
                button .button type="button" data-download=(secret) data-name={ (name) ".txt" } hidden { "Download .txt" }
                @if as_header { (copy_as("Copy as Authorization header", name, &header)) }
                a .button.main href=(again) data-stored { "I have stored it" }
            }
        }
    }
}

/// The sentence about what was just done, with a button to take it back.
pub(crate) fn flash(cx: &Desk, flash: &Flash) -> Markup {
    html! {
        div class=(if flash.good { "flash good" } else { "flash bad" }) role=(if flash.good { "status" } else { "alert" }) {
            (if flash.good { Icon::Check } else { Icon::Cross }.svg())
            p { (flash.text) }
            @if let Some((action, fields)) = &flash.undo {
                (form(cx, action, html! {
                    @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                    button .small type="submit" { (Icon::Undo.svg()) span { "Undo" } }
                }))
            }
        }
    }
}

/// A region that asks for itself again when something happens: `topics` are `log`, `tiles`, `setup`, `jobs`, `tokens`.
/// Without a script it is simply what it was when the page was made.
pub(crate) fn live(id: &str, topics: &[&str], url: &str, body: Markup) -> Markup {
    let trigger = topics.iter().map(|topic| format!("{topic} from:body throttle:1s")).collect::<Vec<_>>().join(", ");
    html! { div .live-part id=(id) hx-get=(url) hx-trigger=(trigger) hx-swap="innerMorph" { (body) } }
}
