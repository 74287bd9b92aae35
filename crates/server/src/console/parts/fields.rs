//! Forms: each carries the session's token, each field its label, its hint and its error.

use crate::console::desk::Desk;
use maud::{Markup, html};

/// A form that changes something: a POST with the token of the session. Whoever would be refused can read it and no more.
pub(crate) fn form(cx: &Desk, action: &str, body: Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="csrf" value=(cx.csrf);
            @if cx.may_send(action) { (body) } @else { fieldset .read-only disabled { (body) } }
        }
    }
}

/// A field of a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field<'a> {
    /// Its name in the form, and its id on the page.
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    /// `text`, `email`, `password`, `number`, `url`, `search` …; `text` if empty.
    pub(crate) kind: &'a str,
    pub(crate) value: &'a str,
    /// A sentence under the label.
    pub(crate) hint: &'a str,
    /// What is wrong with the value.
    pub(crate) error: Option<&'a str>,
    pub(crate) required: bool,
    /// It is needed with what else the form says, which the browser does not know.
    pub(crate) needed: bool,
    /// For password managers: `username`, `current-password` …
    pub(crate) autocomplete: &'a str,
    /// For machine values.
    pub(crate) mono: bool,
    pub(crate) autofocus: bool,
    pub(crate) max: Option<u32>,
    /// It can be read and copied, and not changed.
    pub(crate) read_only: bool,
}

/// A line of text.
pub(crate) fn field(field: &Field<'_>) -> Markup {
    let kind = if field.kind.is_empty() { "text" } else { field.kind };
    html! {
        div .field {
            label for=(field.name) { (field.label) @if !(field.required || field.needed || field.read_only || field.label.is_empty()) { span .optional { "optional" } } }
            (hint(field))
            input id=(field.name) name=(field.name) type=(kind) value=(field.value) class=[field.mono.then_some("mono")]
                required[field.required] autofocus[field.autofocus] maxlength=[field.max] readonly[field.read_only]
                autocomplete=[(!field.autocomplete.is_empty()).then_some(field.autocomplete)]
                aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described(field)];
            (error(field))
        }
    }
}

/// Several lines of text.
pub(crate) fn text_area(field: &Field<'_>, rows: u32) -> Markup {
    html! {
        div .field {
            label for=(field.name) { (field.label) @if !field.required { span .optional { "optional" } } }
            (hint(field))
            textarea id=(field.name) name=(field.name) rows=(rows) class=[field.mono.then_some("mono")] required[field.required]
                maxlength=[field.max] aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described(field)] {
                (field.value)
            }
            (error(field))
        }
    }
}

fn hint(field: &Field<'_>) -> Markup {
    html! { @if !field.hint.is_empty() { p .hint id={ (field.name) "-hint" } { (field.hint) } } }
}

fn error(field: &Field<'_>) -> Markup {
    html! { @if let Some(error) = field.error { p .error id={ (field.name) "-error" } { (error) } } }
}

fn described(field: &Field<'_>) -> Option<String> {
    let hint = (!field.hint.is_empty()).then(|| format!("{}-hint", field.name));
    let error = field.error.map(|_| format!("{}-error", field.name));
    let all: Vec<String> = hint.into_iter().chain(error).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// One of a few: value and words.
pub(crate) type Choice<'a> = (&'a str, &'a str);

/// A field with a choice of few.
pub(crate) fn choice(field: &Field<'_>, choices: &[Choice<'_>]) -> Markup {
    html! {
        div .field {
            label for=(field.name) { (field.label) }
            (hint(field))
            select id=(field.name) name=(field.name) aria-describedby=[described(field)] {
                @for (value, words) in choices { option value=(value) selected[*value == field.value] { (words) } }
            }
            (error(field))
        }
    }
}

/// A switch that is saved at once: a form of its own, whose button says what it will do without a script too.
/// `name` becomes a field with what it would change to, `true` or `false`; `consequence` says what that means.
pub(crate) fn switch(cx: &Desk, action: &str, name: &str, label: &str, on: bool, consequence: Markup) -> Markup {
    let id = format!("switch-{}", name.replace('.', "-"));
    html! {
        div .switch-row {
            (form(cx, action, html! {
                input type="hidden" name=(name) value=(!on);
                button .switch type="submit" role="switch" aria-checked=(on) aria-labelledby={ (id) "-label" }
                    aria-describedby={ (id) "-what" } {
                    span .knob aria-hidden="true" {}
                    span .switch-state { (if on { "On" } else { "Off" }) }
                }
            }))
            div {
                p .switch-label id={ (id) "-label" } { (label) }
                p .hint id={ (id) "-what" } { (consequence) }
            }
        }
    }
}

/// Asks before something is done that cannot be undone. It opens in place, without a script too; with `typed` the
/// words have to be typed (field `confirm`), which the receiver of the form compares.
pub(crate) fn confirm(cx: &Desk, action: &str, words: &str, what: Markup, typed: Option<&str>, more: Markup) -> Markup {
    html! {
        details .confirm {
            summary .button { (words) }
            div .confirm-body {
                (what)
                (form(cx, action, html! {
                    (more)
                    @if let Some(typed) = typed {
                        label { "Type " code { (typed) } " to confirm"
                            // A browser says of the pattern that it does not fit, and the title beside it.
                            input .mono type="text" name="confirm" required autocomplete="off" title={ "Exactly: " (typed) } pattern=(typed.replace(['.', '+', '*', '?', '(', ')', '[', ']', '|', '$', '^', '\\'], ".")); }
                    }
                    button .danger type="submit" { (words) }
                }))
            }
        }
    }
}
