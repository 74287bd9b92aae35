//! Custom fields that are chosen or written otherwise than in one line.

use crate::console::parts::{Field, choice, text_area};
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;
use store::{FieldForm, FieldKind};

/// The values of a list, one a line.
pub(super) fn lines(value: Option<&Value>) -> String {
    let all = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    all.collect::<Vec<_>>().join("\n")
}

/// Whether it takes more than one line.
pub(super) fn is_high(form: &FieldForm) -> bool {
    matches!(form.kind, FieldKind::TextArea | FieldKind::Radio | FieldKind::MultiSelect)
}

/// The fields of the form; what comes several times is one text with a line for each.
pub(super) fn gathered(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        match all.get_mut(&name) {
            Some(held) if held.is_empty() => *held = value,
            Some(held) => held.push_str(&["\n", &value].concat()),
            None => {
                all.insert(name, value);
            }
        }
    }
    // A text area sends its lines as the standard of forms has them.
    all.values_mut().for_each(|value| *value = value.replace("\r\n", "\n"));
    all
}

/// The field as its form says. What stands there and is no option stays to be chosen.
pub(super) fn in_as(field: &Field<'_>, form: &FieldForm, options: &[String]) -> Markup {
    let held: Vec<&str> = field.value.lines().collect();
    let others = held.iter().copied().filter(|value| !options.iter().any(|option| option == value));
    let all: Vec<&str> = options.iter().map(String::as_str).chain(others).collect();
    match form.kind {
        FieldKind::Plain | FieldKind::TextArea => text_area(field, 4),
        FieldKind::Dropdown => {
            let none = ("", "Not said");
            choice(field, &std::iter::once(none).chain(all.iter().map(|one| (*one, *one))).collect::<Vec<_>>())
        }
        FieldKind::Radio => one_of(field, &all),
        FieldKind::MultiSelect => any_of(field, &all, &held),
        FieldKind::Dependent => dependent(field, form, &all),
    }
}

fn one_of(field: &Field<'_>, all: &[&str]) -> Markup {
    html! {
        fieldset .field.checks-field {
            legend { (field.label) }
            label .check { input type="radio" name=(field.name) value="" checked[field.value.is_empty()]; span { "Not said" } }
            @for one in all {
                label .check { input type="radio" name=(field.name) value=(one) checked[*one == field.value]; span { (one) } }
            }
        }
    }
}

fn any_of(field: &Field<'_>, all: &[&str], held: &[&str]) -> Markup {
    html! {
        fieldset .field.checks-field {
            legend { (field.label) }
            // Told apart from a form that does not have the field.
            input type="hidden" name=(field.name) value="";
            @for one in all {
                label .check { input type="checkbox" name=(field.name) value=(one) checked[held.contains(one)]; span { (one) } }
            }
        }
    }
}

/// What can be chosen stands below the value of the other field that it goes with: it needs no script.
fn dependent(field: &Field<'_>, form: &FieldForm, all: &[&str]) -> Markup {
    let grouped: Vec<&str> = form.choices.values().flatten().map(String::as_str).collect();
    let on = form.depends_on.rsplit(':').next().unwrap_or_default();
    let mut is_marked = false;
    let mut mark = |value: &str| value == field.value && !std::mem::replace(&mut is_marked, true);
    html! {
        div .field {
            label for=(field.name) { (field.label) span .optional { "by " (on) } }
            select id=(field.name) name=(field.name) {
                option value="" { "Not said" }
                @for (of, values) in &form.choices {
                    optgroup label=(of) { @for one in values { option value=(one) selected[mark(one)] { (one) } } }
                }
                @for one in all.iter().filter(|one| !grouped.contains(one)) { option value=(one) selected[mark(one)] { (one) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_several_times_is_a_list_and_nothing_ticked_is_an_empty_one() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = gathered(vec![pair("a", ""), pair("a", "x"), pair("a", "y"), pair("b", ""), pair("c", "1\r\n2")]);
        assert_eq!((all["a"].as_str(), all["b"].as_str(), all["c"].as_str()), ("x\ny", "", "1\n2"));
    }

    #[test]
    fn what_stands_there_stays_to_be_chosen() {
        let form = FieldForm { kind: FieldKind::Dropdown, ..FieldForm::default() };
        let field = Field { name: "floor", label: "floor", value: "cellar", ..Field::default() };
        let html = in_as(&field, &form, &["first".to_owned()]).into_string();
        assert!(html.contains("<option value=\"cellar\" selected>cellar</option>"), "{html}");
    }
}
