//! The place of one device that is tried out: what the window is told of it, and the device while it is open.
//!
//! Whatever takes a device out of its place gives it back instead of dropping it: closing takes its time and waits for the
//! device's own thread, which may be waiting to tell news. So it is dropped where no lock is held.

use beckon_interface::devices::Trial;
use beckon_protocol::Code;

/// One asking for a device, so that an answer that comes too late is seen to be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask(u64);

/// See the [module](self).
#[derive(Debug)]
pub struct Slot<D> {
    view: Trial,
    device: Option<D>,
    asked: u64,
}

impl<D> Default for Slot<D> {
    fn default() -> Self {
        Self { view: Trial::Off, device: None, asked: 0 }
    }
}

impl<D> Slot<D> {
    /// What the window is told.
    pub fn view(&self) -> &Trial {
        &self.view
    }

    /// The device, while it is open.
    pub fn device(&self) -> Option<&D> {
        self.device.as_ref()
    }

    /// Tells one opening from the next.
    pub fn number(&self) -> u64 {
        self.asked
    }

    /// It is to be opened, anew where it is open. With the number of this asking comes what was open.
    #[must_use = "a device is closed where no lock is held"]
    pub fn open(&mut self) -> (Ask, Option<D>) {
        let before = self.close();
        self.view = Trial::Opening;
        (Ask(self.asked), before)
    }

    /// It is to be closed; an opening under way comes too late.
    #[must_use = "a device is closed where no lock is held"]
    pub fn close(&mut self) -> Option<D> {
        self.asked += 1;
        self.view = Trial::Off;
        self.device.take()
    }

    /// It is to be opened or closed; see [`open`](Self::open) and [`close`](Self::close).
    #[must_use = "a device is closed where no lock is held"]
    pub fn switch(&mut self, on: bool) -> (Option<Ask>, Option<D>) {
        if !on {
            return (None, self.close());
        }
        let (ask, before) = self.open();
        (Some(ask), before)
    }

    /// It is open under this name, or is not. A device that nobody waits for any more comes back.
    #[must_use = "a device is closed where no lock is held"]
    pub fn opened(&mut self, ask: Ask, outcome: Result<(D, String), Code>) -> Option<D> {
        let late = ask.0 != self.asked;
        match outcome {
            Ok((device, _)) if late => Some(device),
            Ok((device, label)) => {
                // Its own news may have been quicker, and know more.
                if self.view == Trial::Opening {
                    self.view = Trial::On { label };
                }
                self.device.replace(device)
            }
            Err(_) if late => None,
            Err(code) => self.failed(ask, code),
        }
    }

    /// It broke off and does not come back; should it only now be said to be open, that is too late.
    #[must_use = "a device is closed where no lock is held"]
    pub fn failed(&mut self, ask: Ask, code: Code) -> Option<D> {
        if ask.0 != self.asked {
            return None;
        }
        let device = self.close();
        self.view = Trial::Failed { code };
        device
    }

    /// It works, under this name; or it does not, and comes back by itself.
    pub fn news(&mut self, ask: Ask, news: Result<String, Code>) {
        if ask.0 == self.asked {
            self.view = match news {
                Ok(label) => Trial::On { label },
                Err(code) => Trial::Failed { code },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Code = Code::CameraInUse;
    const NAMED: &str = "a camera";

    fn on(label: &str) -> Trial {
        Trial::On { label: label.to_owned() }
    }

    #[test]
    fn an_opened_device_is_kept_and_given_back_when_it_is_closed() {
        let mut slot = Slot::default();
        let (ask, before) = slot.open();
        assert_eq!((before, slot.view()), (None, &Trial::Opening));
        assert_eq!(slot.opened(ask, Ok((1, NAMED.to_owned()))), None);
        assert_eq!((slot.device(), slot.view()), (Some(&1), &on(NAMED)));
        let (_, before) = slot.open();
        assert_eq!(before, Some(1), "the next opening waits for this one's end");
        assert_eq!(slot.close(), None);
        assert_eq!(slot.view(), &Trial::Off);
    }

    #[test]
    fn a_device_that_comes_too_late_is_given_back() {
        let mut slot = Slot::default();
        let (ask, _) = slot.open();
        assert_eq!(slot.close(), None);
        assert_eq!(slot.opened(ask, Ok((1, NAMED.to_owned()))), Some(1));
        assert_eq!((slot.device(), slot.view()), (None, &Trial::Off));
        let (first, _) = slot.open();
        let (second, _) = slot.open();
        assert_eq!(slot.opened(first, Err(CODE)), None);
        assert_eq!(slot.view(), &Trial::Opening, "the second is still on its way");
        assert_eq!(slot.opened(second, Ok((2, NAMED.to_owned()))), None);
        assert_eq!(slot.device(), Some(&2));
    }

    #[test]
    fn one_that_broke_off_is_given_back_and_one_that_did_so_before_it_was_there_is_not_kept() {
        let mut slot = Slot::default();
        let (ask, _) = slot.open();
        assert_eq!(slot.opened(ask, Ok((1, NAMED.to_owned()))), None);
        assert_eq!(slot.failed(ask, CODE), Some(1));
        assert_eq!(slot.view(), &Trial::Failed { code: CODE });
        let (ask, _) = slot.open();
        assert_eq!(slot.failed(ask, CODE), None);
        assert_eq!(slot.opened(ask, Ok((2, NAMED.to_owned()))), Some(2));
        assert_eq!(slot.view(), &Trial::Failed { code: CODE });
        let (late, _) = slot.open();
        let _ = slot.open();
        assert_eq!(slot.failed(late, CODE), None);
        assert_eq!(slot.view(), &Trial::Opening);
    }

    #[test]
    fn news_name_it_lose_it_and_bring_it_back() {
        let mut slot = Slot::default();
        let (ask, _) = slot.open();
        slot.news(ask, Ok("by its own word".to_owned()));
        assert_eq!(slot.opened(ask, Ok((1, String::new()))), None);
        assert_eq!(slot.view(), &on("by its own word"));
        slot.news(ask, Err(Code::MicrophoneLost));
        assert_eq!(slot.view(), &Trial::Failed { code: Code::MicrophoneLost });
        assert_eq!(slot.device(), Some(&1), "it comes back by itself");
        slot.news(ask, Ok(NAMED.to_owned()));
        assert_eq!(slot.view(), &on(NAMED));
        assert_eq!(slot.close(), Some(1));
        slot.news(ask, Ok(NAMED.to_owned()));
        assert_eq!(slot.view(), &Trial::Off);
    }
}
