//! Systems whose desktop lets programs list what can be shared: nobody needs to be asked by it.

use std::convert::Infallible;

use super::{Ask, Granted, ScreenChoice};
use crate::source::SourceError;

/// What the person gave in the desktop's own dialog: nothing, here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant(Infallible);

/// With this the desktop may give the same again without asking.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Again(Infallible);

impl Granted {
    /// What to give to a [`ScreenSource`](super::ScreenSource).
    pub fn choice(&self) -> ScreenChoice {
        match self.grant.0 {}
    }
}

/// Whether this desktop lists nothing and asks the person itself: never.
pub fn desktop_asks() -> bool {
    false
}

/// Has the desktop ask the person what to share.
///
/// # Errors
/// [`SourceError::NotSupported`] always.
pub fn ask(_: &Ask<'_>) -> Result<Option<Granted>, SourceError> {
    Err(SourceError::NotSupported {
        what: "the desktop's own dialog".to_owned(),
        reason: "this desktop has none; choose a screen or a window".to_owned(),
    })
}
