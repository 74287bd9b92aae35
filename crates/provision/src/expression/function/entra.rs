//! Entra's functions. Positions count from 1 here, and null stays null.

use super::{Call, Function, MANY, as_text, function, regex, replace_all};
use crate::expression::pattern::Flavour;
use crate::expression::{Error, time};
use serde_json::{Value, json};

pub(super) const TABLE: &[Function] = &[
    function("Entra.Append", 2, 2, |call| Ok((call.text_or_empty(0)? + &call.text_or_empty(1)?).into())),
    function("Entra.BitAnd", 2, 2, |call| Ok((call.whole(0)? & call.whole(1)?).into())),
    function("Entra.CBool", 1, 1, |call| Ok(boolean(call.argument(0)).into())),
    function("Entra.CDate", 1, 2, |call| Ok(date(call, 0)?.map_or(Value::Null, shown))),
    function("Entra.Coalesce", 2, MANY, coalesce),
    function("Entra.ConvertToBase64", 1, 1, |call| text(call, base64_utf16)),
    function("Entra.ConvertToUTF8Hex", 1, 1, |call| {
        text(call, |text| text.bytes().map(|byte| format!("{byte:02X}")).collect())
    }),
    function("Entra.Count", 1, 1, |call| Ok(list(call.argument(0)).len().into())),
    function("Entra.CStr", 1, 1, |call| text(call, str::to_owned)),
    function("Entra.DateAdd", 3, 3, date_add),
    function("Entra.DateDiff", 3, 5, date_diff),
    function("Entra.DateFromNum", 1, 1, |call| {
        Ok(call.text(0)?.and_then(|ticks| time::from_windows(&ticks)).map_or(Value::Null, shown))
    }),
    function("Entra.FormatDateTime", 4, 4, format_date_time),
    function("Entra.IgnoreFlowIfNullOrEmpty", 1, 1, |call| {
        call.ignored = is_empty(call.argument(0));
        Ok(call.argument(0).clone())
    }),
    function("Entra.InStr", 2, 4, in_str),
    function("Entra.IsNull", 1, 1, |call| Ok(call.argument(0).is_null().into())),
    function("Entra.IsNullOrEmpty", 1, 1, |call| Ok(is_empty(call.argument(0)).into())),
    function("Entra.IsPresent", 1, 1, |call| Ok((!is_empty(call.argument(0))).into())),
    function("Entra.IsString", 1, 1, |call| Ok(call.argument(0).is_string().into())),
    function("Entra.Item", 2, 2, |call| {
        let index = usize::try_from(call.whole(1)? - 1).unwrap_or(usize::MAX);
        Ok(list(call.argument(0)).get(index).cloned().unwrap_or(Value::Null))
    }),
    function("Entra.Join", 2, MANY, join),
    function("Entra.Left", 2, 2, |call| {
        let count = call.whole(1)?;
        text(call, |text| {
            usize::try_from(count).map_or_else(|_| text.into(), |count| text.chars().take(count).collect())
        })
    }),
    function("Entra.Mid", 3, 3, |call| {
        let (start, count) = (call.whole(1)?, call.whole(2)?);
        let skip = usize::try_from(start - 1).map_err(|_| call.error("positions start with 1"))?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        text(call, |text| text.chars().skip(skip).take(count).collect())
    }),
    function("Entra.NormalizeDiacritics", 1, 1, |call| text(call, |text| text.chars().map(plain).collect())),
    function("Entra.Not", 1, 1, |call| Ok((!boolean(call.argument(0))).into())),
    function("Entra.Now", 0, 0, |call| {
        let text = time::format(call.now, &jiff::tz::TimeZone::UTC, "M/d/yyyy h:mm:ss tt", Flavour::Net);
        text.map(Value::from).map_err(|why| call.error(&why))
    }),
    function(
        "Entra.NumFromDate",
        1,
        1,
        |call| Ok(date(call, 0)?.map_or(Value::Null, |at| time::to_windows(at).into())),
    ),
    function("Entra.PCase", 1, 2, p_case),
    function("Entra.Redact", 1, 1, |call| Ok(call.argument(0).clone())),
    function("Entra.RemoveDuplicates", 1, 1, |call| {
        let mut seen = Vec::new();
        for item in list(call.argument(0)) {
            if !seen.contains(&item) {
                seen.push(item);
            }
        }
        Ok(seen.into())
    }),
    function("Entra.Replace", 3, 7, replace),
    function("Entra.SingleAppRoleAssignment", 1, 1, |call| {
        Ok(roles(call.argument(0)).into_iter().next().map_or(Value::Null, |role| role.value.into()))
    }),
    function("Entra.AppRoleAssignmentsComplex", 1, 1, |call| Ok(complex(call))),
    function("Entra.AssertiveAppRoleAssignmentsComplex", 1, 1, |call| Ok(complex(call))),
    function("Entra.Split", 2, 2, |call| {
        let (whole, mark) = (call.text_or_empty(0)?, call.text_or_empty(1)?);
        if mark.is_empty() {
            return Ok(json!([whole]));
        }
        Ok(whole.split(&mark).map(|part| Value::from(part.trim())).collect())
    }),
    function("Entra.StripSpaces", 1, 1, |call| text(call, |text| text.replace(' ', ""))),
    function("Entra.Switch", 2, MANY, switch),
    function("Entra.ToLower", 1, 2, |call| text(call, str::to_lowercase)),
    function("Entra.ToUpper", 1, 2, |call| text(call, str::to_uppercase)),
    function("Entra.Word", 3, 3, |call| {
        let (number, marks) = (call.whole(1)?, call.text_or_empty(2)?);
        let index = usize::try_from(number - 1).map_err(|_| call.error("words are counted from 1"))?;
        text(call, |text| text.split(|c| marks.contains(c)).filter(|w| !w.is_empty()).nth(index).unwrap_or("").into())
    }),
];

fn text(call: &mut Call<'_>, change: impl Fn(&str) -> String) -> Result<Value, Error> {
    Ok(call.text(0)?.map_or(Value::Null, |text| change(&text).into()))
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty)
}

fn boolean(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true") || text == "1",
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => false,
    }
}

/// A text is one element here, not a comma-separated list.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.clone(),
        other => vec![other.clone()],
    }
}

fn coalesce(call: &mut Call<'_>) -> Result<Value, Error> {
    let last = call.arguments.last().cloned().unwrap_or_default();
    Ok(call.arguments.iter().find(|value| !is_empty(value)).cloned().unwrap_or(last))
}

fn join(call: &mut Call<'_>) -> Result<Value, Error> {
    let separator = call.text_or_empty(0)?;
    let parts = call.arguments.iter().skip(1).flat_map(list).filter_map(|item| as_text(&item));
    Ok(parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&separator).into())
}

/// The first key that is equal, case and all; a blank key is null and `""`.
fn switch(call: &mut Call<'_>) -> Result<Value, Error> {
    let source = call.text_or_empty(0)?;
    let default = call.argument(1).clone();
    let pairs = call.arguments.get(2..).unwrap_or_default();
    if pairs.len() % 2 != 0 {
        return Err(call.error("a key has no value behind it"));
    }
    // Booleans are written with a capital there: `Switch([IsSoftDeleted], , "False", "True", …)`.
    let source = match call.argument(0) {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        _ => source,
    };
    let fits = |pair: &&[Value]| pair.first().is_some_and(|key| as_text(key).unwrap_or_default() == source);
    Ok(pairs.chunks(2).find(fits).and_then(|pair| pair.get(1)).cloned().unwrap_or(default))
}

fn in_str(call: &mut Call<'_>) -> Result<Value, Error> {
    let (text, part) = (call.text_or_empty(0)?, call.text_or_empty(1)?);
    let start = if call.argument(2).is_null() { 1 } else { call.whole(2)? };
    let fold = !call.argument(3).is_null() && call.whole(3)? == 1;
    let skip = usize::try_from(start - 1).map_err(|_| call.error("positions start with 1"))?;
    let fit = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
    let rest: String = fit(&text.chars().skip(skip).collect::<String>());
    let found = rest.find(&fit(&part)).and_then(|at| rest.get(..at)).map(|before| before.chars().count() + skip + 1);
    Ok(found.unwrap_or(0).into())
}

/// Seven arguments, five ways: see the decision record.
fn replace(call: &mut Call<'_>) -> Result<Value, Error> {
    let Some(source) = call.text(0)?.filter(|text| !text.is_empty()) else { return extract(call) };
    let old = call.text(1)?.filter(|text| !text.is_empty());
    let pattern = call.text(2)?.filter(|text| !text.is_empty());
    let value = call.text(4)?;
    if let (Some(old), Some(template)) = (&old, call.text(6)?) {
        return replace_all(call, &template, old, &source).map(Value::from);
    }
    if let Some(old) = old {
        return replace_all(call, &source, &old, &value.unwrap_or_default()).map(Value::from);
    }
    let (Some(pattern), Some(value)) = (pattern, value) else { return Ok(source.into()) };
    let regex = regex(call.at, &pattern)?;
    let Some(group) = call.text(3)?.filter(|group| !group.is_empty()) else {
        return Ok(regex.replace_all(&source, value.as_str()).into_owned().into());
    };
    let found = regex.captures(&source).and_then(|found| found.name(&group).map(|part| part.range()));
    let Some(range) = found else { return Ok(source.into()) };
    let (head, tail) = (source.get(..range.start), source.get(range.end..));
    Ok(format!("{}{value}{}", head.unwrap_or_default(), tail.unwrap_or_default()).into())
}

/// Without a source: the group that the pattern finds in the other attribute.
fn extract(call: &mut Call<'_>) -> Result<Value, Error> {
    let (Some(pattern), Some(group), Some(other)) = (call.text(2)?, call.text(3)?, call.text(5)?) else {
        return Ok(call.argument(0).clone());
    };
    let regex = regex(call.at, &pattern)?;
    Ok(regex.captures(&other).and_then(|found| found.name(&group).map(|part| part.as_str().into())).unwrap_or_default())
}

fn p_case(call: &mut Call<'_>) -> Result<Value, Error> {
    let marks = call.text(1)?.unwrap_or_else(|| " -'".to_owned());
    text(call, |text| {
        let mut start = true;
        let cased = text.chars().map(|c| {
            let shown = if start { c.to_uppercase().collect::<String>() } else { c.to_lowercase().collect() };
            start = marks.contains(c);
            shown
        });
        cased.collect()
    })
}

/// UTF-16, the low byte first, then Base64.
fn base64_utf16(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).ok().and_then(|index| DIGITS.get(index));
            out.push(if place <= chunk.len() { digit.map_or('=', |digit| char::from(*digit)) } else { '=' });
        }
    }
    out
}

/// A letter without its marks, as far as Latin letters go.
fn plain(letter: char) -> String {
    const TABLE: &[(&str, &str)] = &[
        ("àáâãäåāăą", "a"),
        ("ÀÁÂÃÄÅĀĂĄ", "A"),
        ("çćĉċč", "c"),
        ("ÇĆĈĊČ", "C"),
        ("ďđð", "d"),
        ("ĎĐÐ", "D"),
        ("èéêëēĕėęě", "e"),
        ("ÈÉÊËĒĔĖĘĚ", "E"),
        ("ĝğġģ", "g"),
        ("ĜĞĠĢ", "G"),
        ("ĥħ", "h"),
        ("ĤĦ", "H"),
        ("ìíîïĩīĭįı", "i"),
        ("ÌÍÎÏĨĪĬĮİ", "I"),
        ("ĵ", "j"),
        ("Ĵ", "J"),
        ("ķ", "k"),
        ("Ķ", "K"),
        ("ĺļľŀł", "l"),
        ("ĹĻĽĿŁ", "L"),
        ("ñńņňŋ", "n"),
        ("ÑŃŅŇŊ", "N"),
        ("òóôõöōŏő", "o"),
        ("ÒÓÔÕÖŌŎŐ", "O"),
        ("ŕŗř", "r"),
        ("ŔŖŘ", "R"),
        ("śŝşšș", "s"),
        ("ŚŜŞŠȘ", "S"),
        ("ţťŧț", "t"),
        ("ŢŤŦȚ", "T"),
        ("ùúûüũūŭůűų", "u"),
        ("ÙÚÛÜŨŪŬŮŰŲ", "U"),
        ("ŵ", "w"),
        ("Ŵ", "W"),
        ("ýÿŷ", "y"),
        ("ÝŸŶ", "Y"),
        ("źżž", "z"),
        ("ŹŻŽ", "Z"),
        ("ß", "ss"),
        ("ẞ", "SS"),
        ("æ", "ae"),
        ("Æ", "AE"),
        ("ø", "oe"),
        ("Ø", "OE"),
        ("œ", "oe"),
        ("Œ", "OE"),
        ("þ", "th"),
        ("Þ", "TH"),
        ("\u{300}\u{301}\u{302}\u{303}\u{308}\u{30a}\u{327}", ""),
    ];
    let found = TABLE.iter().find(|(letters, _)| letters.contains(letter));
    found.map_or_else(|| letter.to_string(), |(_, plain)| (*plain).to_owned())
}

/// One assigned role of an app.
struct Role {
    id: String,
    value: String,
    display: String,
}

fn roles(value: &Value) -> Vec<Role> {
    let role = |item: &Value| match item {
        Value::Object(map) => {
            let part = |name: &str| map.get(name).and_then(as_text).unwrap_or_default();
            Some(Role { id: part("id"), value: part("value"), display: part("displayName") })
        }
        other => as_text(other).map(|text| Role { id: String::new(), value: text.clone(), display: text }),
    };
    list(value).iter().filter_map(role).collect()
}

fn complex(call: &Call<'_>) -> Value {
    let roles = roles(call.argument(0)).into_iter();
    roles.map(|role| json!({"id": role.id, "value": role.value, "displayName": role.display})).collect()
}

/// What those functions show of an instant.
fn shown(at: i64) -> Value {
    time::iso(at).into()
}

fn date(call: &Call<'_>, index: usize) -> Result<Option<i64>, Error> {
    let Some(text) = call.text(index)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    const PATTERNS: [&str; 4] = ["M/d/yyyy h:mm:ss tt", "M/d/yyyy H:mm:ss", "M/d/yyyy", "yyyy-M-d H:mm:ss"];
    let patterns = PATTERNS.iter().find_map(|pattern| time::parse(text.trim(), pattern, Flavour::Net).ok());
    time::from_iso(text.trim()).or(patterns).map(Some).ok_or_else(|| call.error("this text is no date"))
}

fn date_add(call: &mut Call<'_>) -> Result<Value, Error> {
    let unit = call.text_or_empty(0)?;
    let amount = call.whole(1)?;
    let Some(at) = date(call, 2)? else { return Ok(Value::Null) };
    let (unit, amount) = match unit.as_str() {
        "yyyy" => ("Years", amount),
        "q" => ("Months", amount.saturating_mul(3)),
        "m" => ("Months", amount),
        "d" | "y" | "w" => ("Days", amount),
        "ww" => ("Weeks", amount),
        "h" => ("Hours", amount),
        "n" => ("Minutes", amount),
        "s" => ("Seconds", amount),
        _ => return Err(call.error("the interval is one of yyyy q m y d w ww h n s")),
    };
    let moved = time::shift(at, &jiff::tz::TimeZone::UTC, unit, amount);
    moved.map(shown).ok_or_else(|| call.error("this is out of range"))
}

fn date_diff(call: &mut Call<'_>) -> Result<Value, Error> {
    let unit = call.text_or_empty(0)?;
    let (Some(from), Some(to)) = (date(call, 1)?, date(call, 2)?) else { return Ok(Value::Null) };
    let seconds = to.div_euclid(1_000_000) - from.div_euclid(1_000_000);
    let year_month = |at: i64| {
        let at = jiff::Timestamp::from_microsecond(at).ok()?.to_zoned_datetime(jiff::tz::TimeZone::UTC);
        Some((i64::from(at.year()), i64::from(at.month())))
    };
    let (Some((y1, m1)), Some((y2, m2))) = (year_month(from), year_month(to)) else { return Ok(Value::Null) };
    let days = to.div_euclid(86_400_000_000) - from.div_euclid(86_400_000_000);
    let result = match unit.as_str() {
        "yyyy" => y2 - y1,
        "m" => (y2 - y1) * 12 + m2 - m1,
        "d" | "y" => days,
        "w" | "ww" => days / 7,
        "h" => seconds / 3_600,
        "n" => seconds / 60,
        "s" => seconds,
        _ => return Err(call.error("the interval is one of yyyy m d ww h n s")),
    };
    Ok(result.into())
}

fn format_date_time(call: &mut Call<'_>) -> Result<Value, Error> {
    let Some(text) = call.text(0)?.filter(|text| !text.is_empty()) else { return Ok(Value::Null) };
    let (input, output) = (call.text_or_empty(2)?, call.text_or_empty(3)?);
    // With a blank input format the text is read like any other date.
    let at = if input.is_empty() { date(call, 0)? } else { time::parse(&text, &input, Flavour::Net).ok() };
    let Some(at) = at else { return Err(call.error("the text does not fit the input format")) };
    time::format(at, &jiff::tz::TimeZone::UTC, &output, Flavour::Net).map(Value::from).map_err(|why| call.error(&why))
}
