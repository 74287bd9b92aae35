//! The picture of an app: a small PNG in its settings, so that it travels with everything else that is set.

use crate::error::Result;
use crate::limits;
use crate::outbound::integration::Integration;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// Its name among the settings.
pub(crate) const KEY: &str = "logo";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The bytes of an app's picture, if it has one.
pub(crate) fn of(integration: &Integration) -> Option<Vec<u8>> {
    bytes(integration.app.settings.get(KEY)?.as_str()?)
}

/// Whether it has one.
pub(crate) fn has(integration: &Integration) -> bool {
    integration.app.settings.get(KEY).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD
        .decode(text)
        .ok()
        .filter(|bytes| bytes.starts_with(PNG) && bytes.len() <= limits::APP_LOGO_BYTES_MAX)
}

/// Refuses what browsers would not be shown as a picture.
pub(super) fn check(settings: &Map<String, Value>) -> Result<()> {
    let fits = match settings.get(KEY) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty() || bytes(text).is_some(),
        Some(_) => false,
    };
    if fits {
        return Ok(());
    }
    let detail = format!("settings.logo is a PNG of {} bytes at most, in base64", limits::APP_LOGO_BYTES_MAX);
    Err(scim::Error::invalid_value(detail).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_logo_is_a_small_picture() {
        let fits = |logo: Value| check(&Map::from_iter([(KEY.to_owned(), logo)])).is_ok();
        assert!(fits(json!("")) && fits(Value::Null) && fits(json!(BASE64_STANDARD.encode([PNG, b"rest"].concat()))));
        assert!(!fits(json!("<svg/>")) && !fits(json!(7)) && !fits(json!(BASE64_STANDARD.encode(b"GIF89a"))));
        let large = [PNG, &vec![0; limits::APP_LOGO_BYTES_MAX]].concat();
        assert!(!fits(json!(BASE64_STANDARD.encode(large))));
    }
}
