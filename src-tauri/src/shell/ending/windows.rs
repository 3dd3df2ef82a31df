//! Console events. A program with windows hears the end of a session as `WM_ENDSESSION`, which arrives as the event
//! loop's end; these come to one that was started in a console.

use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

/// The console events that ask a program to end.
pub struct Requests {
    c: CtrlC,
    r#break: CtrlBreak,
    close: CtrlClose,
}

impl Requests {
    /// Takes them over from the system, which would end the program at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { c: ctrl_c()?, r#break: ctrl_break()?, close: ctrl_close()? })
    }

    /// The next one, by name.
    pub async fn next(&mut self) -> Option<&'static str> {
        tokio::select! {
            heard = self.c.recv() => heard.map(|()| "Control-C"),
            heard = self.r#break.recv() => heard.map(|()| "Control-Break"),
            heard = self.close.recv() => heard.map(|()| "console closed"),
        }
    }
}
