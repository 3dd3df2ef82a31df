//! The launch URL: any bytes that an operating system may hand over. What parses must write and parse again to itself.
#![no_main]

use beckon_protocol::launch::{Launch, URL_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    // The page behind an address that is refused is read by the same rules.
    if let Some(launch) = Launch::read(&text).map_or_else(|refused| refused.page.map(|page| *page), Some) {
        let again = launch.to_url();
        // Percent-encoding may make it longer than what came in; then it is refused, as any long one.
        if again.len() <= URL_MAX {
            assert_eq!(Launch::parse(&again).as_ref(), Ok(&launch));
        }
    }
});
