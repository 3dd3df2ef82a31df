//! Who may: what the person allowed, and what the owner of the machine laid down.

#[cfg(any(windows, test))]
mod absence;
mod policy;
#[cfg(windows)]
#[path = "policy_windows.rs"]
mod policy_source;
#[cfg(not(windows))]
#[path = "policy_file.rs"]
mod policy_source;
mod store;

use crate::desk::{Asker, Standing};

pub use policy::Policy;
pub use policy_source::load as load_policy;
pub use store::{Allowed, Consents};

/// What is known of somebody before the person is asked: the policy first, then what the person said.
pub fn standing(asker: &Asker, policy: &Policy, consents: &Consents) -> Standing {
    match policy.judge(asker) {
        Standing::Unknown if policy.knows_denials() && consents.allows(asker) => Standing::Allowed,
        known => known,
    }
}
