//! A form that carries a file (`multipart/form-data`). Only the pages that ask for a file take such forms.

use crate::error::Error;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use scim::Code;

/// Where such forms are sent.
const PLACES: [&str; 2] = ["/app/users/imports", "/app/settings/import"];

/// What a form held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) fields: Vec<(String, String)>,
    /// The file's name and what is in it, if one was chosen.
    pub(crate) file: Option<(String, Bytes)>,
}

impl Upload {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a request carries a file, to the place where one is taken.
pub(crate) fn is_one(path: &str, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    PLACES.contains(&path) && kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

/// Takes a form apart. Its size was bounded before.
pub(crate) async fn read(headers: &HeaderMap, bytes: Bytes) -> Result<Upload, Error> {
    let broken =
        || Error::from(scim::Error::invalid_value("the form with the file is incomplete; choose the file again"));
    let mut request = Request::new(Body::from(bytes));
    *request.headers_mut() = headers.clone();
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let mut upload = Upload::default();
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        let name = field.name().unwrap_or_default().to_owned();
        match field.file_name().map(str::to_owned) {
            // A browser sends an empty one where none was chosen.
            Some(file) if file.is_empty() => {}
            Some(file) => upload.file = Some((file, field.bytes().await.map_err(|_| broken())?)),
            None => upload.fields.push((name, field.text().await.map_err(|_| broken())?)),
        }
    }
    Ok(upload)
}

/// For what is too large; a browser is told how else it can be done.
pub(crate) fn too_large() -> Error {
    let most = crate::limits::IMPORT_FILE_BYTES_MAX >> 20;
    Error::new(Code::BODY_TOO_LARGE, format!("the file is larger than {most} MiB; import it with: provost import FILE"))
}
