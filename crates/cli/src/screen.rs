//! What of this machine's screen is shared, and how that fares.

use anyhow::{Context, bail};
use beckon_media::screen::{Catalog, Offer, ScreenChoice};
use beckon_session::view::ScreenView;
use beckon_session::{ScreenShare, SessionHandle};

use crate::arguments::Screen;

/// Finds what was asked for on the desktop.
pub(crate) fn find(wanted: &Screen) -> anyhow::Result<ScreenShare> {
    let (choice, label, width, height) = match wanted {
        Screen::Region(part) => (ScreenChoice::Region(*part), "part of the screen".to_owned(), part.w, part.h),
        wanted => {
            let offers = Catalog::open()?.offers(None)?;
            let Offer { choice, title, width, height } = chosen(wanted, &offers)?.clone();
            (choice, title, width, height)
        }
    };
    Ok(ScreenShare { choice, label, width, height, motion: false, sound: false })
}

fn chosen<'a>(wanted: &Screen, offers: &'a [Offer]) -> anyhow::Result<&'a Offer> {
    let is_meant = |offer: &&Offer| match (wanted, &offer.choice) {
        // The one with the task bar comes first.
        (Screen::Monitor(None), ScreenChoice::Monitor(_)) => true,
        (Screen::Monitor(Some(name)), ScreenChoice::Monitor(known)) => name == known || *name == offer.title,
        (Screen::Window(title), ScreenChoice::Window(_)) => offer.title.contains(title.as_str()),
        _ => false,
    };
    let there: Vec<String> = offers.iter().map(|offer| format!("{:?}", offer.title)).collect();
    if there.is_empty() {
        bail!("there is nothing to share on this desktop");
    }
    offers
        .iter()
        .find(is_meant)
        .with_context(|| format!("that is not there to be shared; there are {}", there.join(", ")))
}

/// Tells on standard error how the shared screen fares, until the session ends.
pub(crate) async fn tell(session: &SessionHandle) {
    let mut view = session.view();
    let mut before = ScreenView::default();
    loop {
        let now = view.borrow_and_update().screen.clone();
        if let Some(news) = news(&before, &now) {
            eprintln!("{news}");
        }
        before = now;
        if view.changed().await.is_err() {
            return;
        }
    }
}

/// What there is to tell, if anything.
fn news(before: &ScreenView, now: &ScreenView) -> Option<String> {
    if let (Some(code), true) = (now.ended, before.on) {
        return Some(format!("the screen is not shared any more: {} (code {})", code.text(), code.value()));
    }
    match (before.running, now.running) {
        (false, true) => Some(format!("shares {}", now.label)),
        (true, true) if now.minimised != before.minimised => {
            Some(if now.minimised { "the window is minimised" } else { "the window is back" }.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::Code;

    #[test]
    fn the_beginning_the_end_and_what_is_between_are_told_once() {
        let off = ScreenView::default();
        let opening = ScreenView { on: true, label: "Letter".to_owned(), ..off.clone() };
        let running = ScreenView { running: true, ..opening.clone() };
        let minimised = ScreenView { minimised: true, ..running.clone() };
        let ended = ScreenView { ended: Some(Code::ScreenGone), ..off.clone() };
        assert_eq!(news(&off, &opening), None);
        assert_eq!(news(&opening, &running).unwrap(), "shares Letter");
        assert_eq!(news(&running, &running), None);
        assert_eq!(news(&running, &minimised).unwrap(), "the window is minimised");
        assert_eq!(news(&minimised, &running).unwrap(), "the window is back");
        assert!(news(&running, &ended).unwrap().contains("4020"));
        assert_eq!(news(&ended, &ended), None);
    }

    fn offers() -> Vec<Offer> {
        let offer = |choice, title: &str| Offer { choice, title: title.to_owned(), width: 10, height: 10 };
        vec![
            offer(ScreenChoice::Monitor(r"\\.\DISPLAY2".to_owned()), "Left"),
            offer(ScreenChoice::Monitor(r"\\.\DISPLAY1".to_owned()), "Right"),
            offer(ScreenChoice::Window(7), "Letter - Editor"),
        ]
    }

    #[test]
    fn monitors_go_by_either_name_and_windows_by_a_part_of_their_title() {
        let found = |wanted: Screen| chosen(&wanted, &offers()).unwrap().title.clone();
        assert_eq!(found(Screen::Monitor(None)), "Left");
        assert_eq!(found(Screen::Monitor(Some("Right".to_owned()))), "Right");
        assert_eq!(found(Screen::Monitor(Some(r"\\.\DISPLAY1".to_owned()))), "Right");
        assert_eq!(found(Screen::Window("Editor".to_owned())), "Letter - Editor");
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let error = chosen(&Screen::Window("Left".to_owned()), &offers()).unwrap_err().to_string();
        assert!(error.contains("Letter - Editor"), "{error}");
        assert!(chosen(&Screen::Monitor(None), &[]).is_err());
    }
}
