/// Why a source does not deliver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no such device, or none at all.
    #[error("no such device: {device}; plug one in or choose another")]
    Absent {
        /// What was asked for.
        device: String,
    },
    /// Another program holds the device.
    #[error("{device} is in use by another program; close that program and try again")]
    InUse {
        /// The device's name.
        device: String,
    },
    /// The system or the person does not let us.
    #[error("access to {device} is denied; allow it in the system's privacy settings")]
    Denied {
        /// The device's name.
        device: String,
    },
    /// The device went away while it was running.
    #[error("{device} was unplugged; plug it in again or choose another")]
    Unplugged {
        /// The device's name.
        device: String,
    },
    /// The device offers no format that can be used.
    #[error("{device} offers no usable format ({offered}); choose another device")]
    Unsupported {
        /// The device's name.
        device: String,
        /// What it does offer.
        offered: String,
    },
    /// A media file cannot be opened or has nothing to offer.
    #[error("cannot play {path}: {reason}")]
    File {
        /// The file's path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The device answered with something else.
    #[error("{device} failed: {reason}")]
    Device {
        /// The device's name.
        device: String,
        /// What it said.
        reason: String,
    },
    /// The system gave us no thread to run on.
    #[error("cannot start a thread for {source_name}: {reason}")]
    Thread {
        /// The source's name.
        source_name: String,
        /// What the system said.
        reason: String,
    },
    /// What was shared is there no more: its window was closed, its screen unplugged.
    #[error("{what} is gone: it was closed or unplugged; share something else")]
    Gone {
        /// What was shared.
        what: String,
    },
    /// This system cannot do it.
    #[error("{what} does not work on this system: {reason}")]
    NotSupported {
        /// What was asked for.
        what: String,
        /// What is missing.
        reason: String,
    },
}
