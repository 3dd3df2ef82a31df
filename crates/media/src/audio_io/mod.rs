//! Microphones and speakers.
