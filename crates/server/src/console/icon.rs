//! The icons: a small sprite of our own, drawn in a box of 20 with the text's colour.

use maud::{Markup, PreEscaped, html};

/// An icon; always beside a word, so it is hidden from readers of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Setup,
    Overview,
    Scim,
    Users,
    Groups,
    Apps,
    Fields,
    Log,
    Conflicts,
    Settings,
    Help,
    Search,
    Check,
    Cross,
    Warning,
    Info,
    Dot,
    Copy,
    Key,
    Shield,
    Clock,
    Link,
    Sun,
    Person,
    Out,
    Up,
    Down,
    Next,
    Plus,
    Pause,
    Play,
    Undo,
    Gauge,
    Tasks,
    Plan,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Setup => r#"<path d="M3 5.5l1.5 1.5L7 4.5M3 13l1.5 1.5L7 12M10 6h7M10 13.5h7"/>"#,
            Self::Overview => r#"<path d="M3 16.5h14M5.5 13V9M10 13V4M14.5 13V7"/>"#,
            Self::Scim => r#"<path d="M4 7h10.5M11.5 4l3 3-3 3M16 13H5.5M8.5 10l-3 3 3 3"/>"#,
            Self::Users => {
                r#"<circle cx="8" cy="7" r="3"/><path d="M2.5 16.5c.6-3 2.7-4.5 5.5-4.5s4.9 1.5 5.5 4.5M13 4.3a3 3 0 0 1 0 5.4M15 12.5c1.4.7 2.2 2 2.5 4"/>"#
            }
            Self::Groups => {
                r#"<circle cx="10" cy="5.5" r="2.5"/><circle cx="4.8" cy="14" r="2.3"/><circle cx="15.2" cy="14" r="2.3"/><path d="M8.7 7.7L6 12M11.3 7.7L14 12M7.2 14h5.6"/>"#
            }
            Self::Apps => {
                r#"<rect x="3" y="3" width="6" height="6" rx="1.5"/><rect x="11" y="3" width="6" height="6" rx="1.5"/><rect x="3" y="11" width="6" height="6" rx="1.5"/><path d="M14 11v6M11 14h6"/>"#
            }
            Self::Fields => {
                r#"<rect x="3" y="3.5" width="14" height="5" rx="1.5"/><path d="M6 6h3"/><rect x="3" y="11.5" width="8" height="5" rx="1.5"/><path d="M15.5 11.5v5M13 14h5"/>"#
            }
            Self::Log => r#"<path d="M3.5 5h2M3.5 10h2M3.5 15h2M8.5 5h8M8.5 10h8M8.5 15h5"/>"#,
            Self::Conflicts => {
                r#"<path d="M5 3v4c0 2 1 3 3 3h4c2 0 3 1 3 3v4M15 3v4c0 2-1 3-3 3M5 17v-4c0-2 1-3 3-3"/>"#
            }
            Self::Settings => {
                r#"<path d="M3 6h7M14 6h3M3 14h3M10 14h7"/><circle cx="12" cy="6" r="2"/><circle cx="8" cy="14" r="2"/>"#
            }
            Self::Help => {
                r#"<circle cx="10" cy="10" r="7.5"/><path d="M7.8 7.8c.2-1.4 1.2-2.1 2.3-2.1 1.3 0 2.3.8 2.3 2 0 1.8-2.3 1.9-2.3 3.7M10.1 14v.3"/>"#
            }
            Self::Search => r#"<circle cx="9" cy="9" r="5.5"/><path d="M13 13l4 4"/>"#,
            Self::Check => r#"<path d="M4 10.5l4 4 8-9"/>"#,
            Self::Cross => r#"<path d="M5 5l10 10M15 5L5 15"/>"#,
            Self::Warning => r#"<path d="M10 3l7.5 13.5h-15zM10 8v4M10 14.2v.3"/>"#,
            Self::Info => r#"<circle cx="10" cy="10" r="7.5"/><path d="M10 9v5M10 6v.3"/>"#,
            Self::Dot => r#"<circle cx="10" cy="10" r="4" fill="currentColor" stroke="none"/>"#,
            Self::Copy => {
                r#"<rect x="7" y="7" width="9.5" height="9.5" rx="2"/><path d="M13 4.5c-.2-.6-.8-1-1.5-1H5a1.5 1.5 0 0 0-1.5 1.5v6.5c0 .7.4 1.3 1 1.5"/>"#
            }
            Self::Key => r#"<circle cx="6.5" cy="13.5" r="3.5"/><path d="M9 11l7.5-7.5M13.5 6.5l2 2"/>"#,
            Self::Shield => {
                r#"<path d="M10 2.5l6.5 2.5v4.5c0 4-2.6 6.8-6.5 8-3.9-1.2-6.5-4-6.5-8V5zM7 10l2.2 2.2L13 8"/>"#
            }
            Self::Clock => r#"<circle cx="10" cy="10" r="7.5"/><path d="M10 5.5V10l3 2"/>"#,
            Self::Link => {
                r#"<path d="M8.5 11.5l3-3M9 6l1.8-1.8a3.5 3.5 0 0 1 5 5L14 11M11 14l-1.8 1.8a3.5 3.5 0 0 1-5-5L6 9"/>"#
            }
            Self::Sun => {
                r#"<circle cx="10" cy="10" r="3.5"/><path d="M10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M15.7 4.3l-1.4 1.4M5.7 14.3l-1.4 1.4"/>"#
            }
            Self::Person => r#"<circle cx="10" cy="7" r="3.5"/><path d="M3.5 17c.8-3.3 3.2-5 6.5-5s5.7 1.7 6.5 5"/>"#,
            Self::Out => {
                r#"<path d="M11.5 3.5H5A1.5 1.5 0 0 0 3.5 5v10A1.5 1.5 0 0 0 5 16.5h6.5M8.5 10h8.5M14 7l3 3-3 3"/>"#
            }
            Self::Up => r#"<path d="M5 12.5l5-5 5 5"/>"#,
            Self::Down => r#"<path d="M5 8l5 5 5-5"/>"#,
            Self::Next => r#"<path d="M8 5l5 5-5 5"/>"#,
            Self::Plus => r#"<path d="M10 4v12M4 10h12"/>"#,
            Self::Pause => r#"<path d="M7 4.5v11M13 4.5v11"/>"#,
            Self::Play => r#"<path d="M6 4l10 6-10 6z"/>"#,
            Self::Gauge => r#"<path d="M3 14.5a7 7 0 1 1 14 0M10 14.5l3.5-5"/>"#,
            Self::Tasks => {
                r#"<rect x="4" y="3" width="12" height="14" rx="1.5"/><path d="M7 8l1.3 1.3L11 6.8M7 13h6"/>"#
            }
            Self::Plan => r#"<path d="M4 3h8l4 4v10H4zM12 3v4h4M7 11h2M8 10v2M7 14.5h6M11.5 11H13"/>"#,
            Self::Undo => r#"<path d="M4 8h8.5a4 4 0 0 1 0 8H8M7 4.5L3.5 8 7 11.5"/>"#,
        }
    }

    /// As SVG, of the size of the text.
    pub(crate) fn svg(self) -> Markup {
        html! {
            svg .icon viewBox="0 0 20 20" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.6"
                stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false" {
                (PreEscaped(self.path()))
            }
        }
    }
}

/// The sign of the product.
pub(crate) fn mark() -> Markup {
    html! {
        svg .mark viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            rect x="1" y="1" width="22" height="22" rx="6" fill="currentColor" {}
            path d="M7 12h8M12 8.5l3.5 3.5-3.5 3.5M17.5 7v10" fill="none" stroke="var(--mark-line, #fff)"
                stroke-width="2" stroke-linecap="round" stroke-linejoin="round" {}
        }
    }
}
