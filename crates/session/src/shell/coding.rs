//! Whether sound can be coded: the person is told once when it cannot, and once when it can again.

use beckon_media::codec::CodecError;

/// What became of the sound of one source.
#[derive(Debug, Default)]
pub(super) struct Coding {
    fails: bool,
}

impl Coding {
    /// Takes what became of 10 ms, and gives what is to be told: why it cannot be coded any more, or `None` inside when it can again. What
    /// only waits for the next 10 ms, or is silent, says nothing of the encoder.
    pub(super) fn news<T>(&mut self, encoded: Result<Option<T>, CodecError>) -> Option<Option<CodecError>> {
        let failed = match encoded {
            Ok(None) => return None,
            Ok(Some(_)) => None,
            Err(error) => Some(error),
        };
        (std::mem::replace(&mut self.fails, failed.is_some()) != failed.is_some()).then_some(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_news_once_and_so_is_its_end() {
        let works = || [Ok(Some(())), Ok(None)];
        let fails = || [Err(CodecError::NoDecoder { codec: "Opus" }), Ok(None)];
        let mut coding = Coding::default();
        let told: Vec<_> = [works(), fails(), fails(), works()]
            .into_iter()
            .flatten()
            .filter_map(|encoded| coding.news(encoded))
            .map(|failed| failed.is_some())
            .collect();
        assert_eq!(told, [true, false]);
    }
}
