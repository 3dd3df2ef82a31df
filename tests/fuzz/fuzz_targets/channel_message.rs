//! Messages on the channel: envelope and parameters of every method.
#![no_main]

use beckon_protocol::{channel::Call, rpc::Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Message::parse(text) {
        Ok(Message::Request { method, params, .. } | Message::Notification { method, params }) => {
            let _ = Call::parse(&method, params.clone());
            for method in Call::METHODS {
                let _ = Call::parse(method, params.clone());
            }
        }
        Ok(message) => assert_eq!(Message::parse(&message.to_text()).as_ref(), Ok(&message)),
        Err(error) => assert!(!error.message.is_empty()),
    }
});
