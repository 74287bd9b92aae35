//! A page of resources (RFC 7644 §3.4.2, RFC 9865 §2.1), put together from bytes.
//!
//! A resource is stored as it is shown, so a page is a matter of concatenation: nothing is parsed, and
//! the page is allocated once.

/// The schema of every list.
pub const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What stands behind the last resource of a list.
pub const TAIL: &[u8] = b"]}";

/// What stands around the resources of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListResponse {
    /// How many resources fit the query; a list by cursor may leave it out.
    pub total_results: Option<u64>,
    /// The 1-based position of the first resource; only in a list by index.
    pub start_index: Option<u64>,
    /// How many resources are in this page.
    pub items_per_page: u64,
    /// Where the next page starts.
    pub next_cursor: Option<String>,
    /// Where the page before starts.
    pub previous_cursor: Option<String>,
}

impl ListResponse {
    /// The whole body, around resources that are JSON already. `Resources` is there even when empty: many
    /// clients count on it, though the RFC lets it be left out.
    pub fn splice(&self, resources: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
        let resources: Vec<_> = resources.collect();
        let bytes = resources.iter().map(|resource| resource.as_ref().len() + 1).sum();
        let mut writer = self.writer(bytes);
        for resource in &resources {
            writer.element().extend_from_slice(resource.as_ref());
        }
        writer.finish()
    }

    /// The body with its resources still to come, for who renders straight into it; `bytes` is the room
    /// that the resources are expected to take.
    pub fn writer(&self, bytes: usize) -> ListWriter {
        let head = self.head();
        let mut buffer = Vec::with_capacity(head.len() + bytes + 2);
        buffer.extend_from_slice(head.as_bytes());
        ListWriter { buffer, empty: true }
    }

    /// What stands in front of the first resource, for who sends a list while it is made.
    pub fn head(&self) -> String {
        let mut head = format!("{{\"schemas\":[\"{SCHEMA}\"]");
        let mut number = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                head.push_str(&format!(",\"{name}\":{value}"));
            }
        };
        number("totalResults", self.total_results);
        number("startIndex", self.start_index);
        number("itemsPerPage", Some(self.items_per_page));
        for (name, cursor) in [("nextCursor", &self.next_cursor), ("previousCursor", &self.previous_cursor)] {
            if let Some(cursor) = cursor {
                head.push_str(&format!(",\"{name}\":{}", serde_json::Value::from(cursor.as_str())));
            }
        }
        head.push_str(",\"Resources\":[");
        head
    }
}

/// A list that is being written.
#[derive(Debug)]
pub struct ListWriter {
    buffer: Vec<u8>,
    empty: bool,
}

impl ListWriter {
    /// The buffer, at the place where the next resource is to be appended: exactly one, whole.
    pub fn element(&mut self) -> &mut Vec<u8> {
        if !self.empty {
            self.buffer.push(b',');
        }
        self.empty = false;
        &mut self.buffer
    }

    /// The whole body.
    pub fn finish(mut self) -> Vec<u8> {
        self.buffer.extend_from_slice(TAIL);
        self.buffer
    }
}
