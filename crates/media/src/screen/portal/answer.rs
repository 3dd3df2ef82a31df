//! What the desktop's portal answers, out of its loose dictionaries into our own types.

use std::collections::HashMap;

use zbus::zvariant::{OwnedValue, Value};

/// What comes with an answer.
pub(super) type Results = HashMap<String, OwnedValue>;

/// How a request ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// As it was asked.
    Done(Results),
    /// The person wants to share nothing.
    Cancelled,
    /// It ended in some other way.
    Refused,
}

impl Outcome {
    pub(super) fn of(code: u32, results: Results) -> Self {
        match code {
            0 => Self::Done(results),
            1 => Self::Cancelled,
            _ => Self::Refused,
        }
    }
}

/// What the person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// PipeWire's number for its pictures.
    pub(super) node: u32,
    /// A window rather than a whole screen.
    pub(super) window: bool,
    /// With this the same may be had again without asking.
    pub(super) token: Option<String>,
}

impl Chosen {
    /// Of a desktop that was asked for these kinds of things.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn read(results: &Results, asked: u32) -> Result<Self, &'static str> {
        let streams = results.get("streams").ok_or("it names no stream")?;
        let Value::Array(streams) = &**streams else { return Err("its streams are no list") };
        // One was asked for.
        let Some(Value::Structure(stream)) = streams.inner().first() else { return Err("it names no stream") };
        let [Value::U32(node), Value::Dict(about)] = stream.fields() else {
            return Err("its stream is no number with properties");
        };
        let kind: Option<u32> = about.get(&"source_type").ok().flatten();
        let token = match results.get("restore_token").map(|token| &**token) {
            Some(Value::Str(token)) if !token.is_empty() => Some(token.to_string()),
            _ => None,
        };
        // The one for wlroots calls its screens windows, and has no windows to share.
        let window = kind == Some(WINDOW) && asked & WINDOW != 0;
        Ok(Self { node: *node, window, token })
    }
}

/// Kinds of things that can be shared, as bits.
pub(super) const MONITOR: u32 = 1;
pub(super) const WINDOW: u32 = 2;

/// How the pointer is shown, as bits.
const POINTER_HIDDEN: u32 = 1;
const POINTER_DRAWN: u32 = 2;

/// What to ask for of what the desktop has: whole screens and windows.
pub(super) fn kinds(available: u32) -> u32 {
    match available & (MONITOR | WINDOW) {
        // Whoever does not say has screens.
        0 => MONITOR,
        kinds => kinds,
    }
}

/// How the pointer is to be shown; `None` where the desktop decides.
pub(super) fn pointer(available: u32, drawn: bool) -> Option<u32> {
    let wanted = if drawn { POINTER_DRAWN } else { POINTER_HIDDEN };
    (available & wanted != 0).then_some(wanted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn about(kind: u32) -> HashMap<&'static str, Value<'static>> {
        HashMap::from([("size", Value::from((1920i32, 1080i32))), ("source_type", Value::from(kind))])
    }

    fn results<const N: usize>(entries: [(&str, Value<'static>); N]) -> Results {
        entries.into_iter().map(|(key, value)| (key.to_owned(), value.try_into().unwrap())).collect()
    }

    #[test]
    fn the_chosen_stream_is_read_with_its_kind_and_token() {
        let chosen =
            results([("streams", Value::from(vec![(42u32, about(WINDOW))])), ("restore_token", Value::from("again"))]);
        let expected = Chosen { node: 42, window: true, token: Some("again".to_owned()) };
        assert_eq!(Chosen::read(&chosen, MONITOR | WINDOW).as_ref(), Ok(&expected));
        let screen = Chosen { window: false, ..expected };
        assert_eq!(Chosen::read(&chosen, MONITOR), Ok(screen), "where no windows can be shared it is none");
        let plain = results([("streams", Value::from(vec![(7u32, HashMap::<&str, Value<'_>>::new())]))]);
        assert_eq!(Chosen::read(&plain, MONITOR | WINDOW), Ok(Chosen { node: 7, window: false, token: None }));
    }

    #[test]
    fn answers_that_name_no_stream_say_what_is_missing() {
        for (results, missing) in [
            (results([]), "names no stream"),
            (results([("streams", Value::from(Vec::<(u32, HashMap<&str, Value<'_>>)>::new()))]), "names no stream"),
            (results([("streams", Value::from("42"))]), "no list"),
            (results([("streams", Value::from(vec![("42", 1u32)]))]), "no number"),
            (results([("streams", Value::from(vec![42u32]))]), "names no stream"),
        ] {
            let error = Chosen::read(&results, MONITOR).unwrap_err();
            assert!(error.contains(missing), "{error}");
        }
    }

    #[test]
    fn only_what_the_desktop_has_is_asked_for() {
        assert_eq!(kinds(7), MONITOR | WINDOW, "no virtual screens");
        assert_eq!((kinds(1), kinds(0)), (MONITOR, MONITOR));
        assert_eq!(pointer(3, true), Some(POINTER_DRAWN));
        assert_eq!(pointer(3, false), Some(POINTER_HIDDEN));
        assert_eq!(pointer(1, true), None);
    }

    #[test]
    fn what_the_person_does_not_want_is_no_failure() {
        assert!(matches!(Outcome::of(0, Results::new()), Outcome::Done(_)));
        assert!(matches!(Outcome::of(1, Results::new()), Outcome::Cancelled));
        assert!(matches!(Outcome::of(2, Results::new()), Outcome::Refused));
    }
}
