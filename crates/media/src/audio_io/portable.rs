//! The system's own way to its sound devices, by cpal: finding them, choosing a format, and speaking every sample format a
//! device may have.

use std::time::Duration;

use cpal::{
    BufferSize, Data, ErrorKind, FromSample, InputCallbackInfo, OutputCallbackInfo, Sample, SampleFormat, SizedSample,
    StreamConfig, SupportedBufferSize, SupportedStreamConfig, SupportedStreamConfigRange,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};

use super::{
    DeviceChoice, DeviceInfo,
    device::{Alarm, Alarms, Chosen, Device, Direction, Format, Stream, Work},
};
use crate::{clock::MediaTime, frame::SAMPLE_RATE, source::SourceError};

/// How long the sound system may take to make a stream.
const OPENING: Duration = Duration::from_secs(3);

/// The devices there are now.
pub(super) fn list(direction: Direction) -> Result<Vec<DeviceInfo>, SourceError> {
    let host = cpal::default_host();
    let default = default_device(&host, direction).and_then(|d| d.id().ok()).map(|id| id.to_string());
    let failed = |e: cpal::Error| error_of(&e, direction.noun(), false);
    let devices: Vec<cpal::Device> = match direction {
        Direction::Input => host.input_devices().map_err(failed)?.collect(),
        Direction::Output => host.output_devices().map_err(failed)?.collect(),
    };
    Ok(devices
        .iter()
        .filter_map(|d| {
            let id = d.id().ok()?.to_string();
            let default = default.as_ref() == Some(&id);
            Some(DeviceInfo { label: label_of(d, direction), default, loopback: false, id })
        })
        .collect())
}

fn default_device(host: &cpal::Host, direction: Direction) -> Option<cpal::Device> {
    match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    }
}

fn label_of(device: &cpal::Device, direction: Direction) -> String {
    device.description().map_or_else(|_| direction.noun().to_owned(), |d| d.name().to_owned())
}

/// A device with the format it will run in.
struct Portable {
    device: cpal::Device,
    label: String,
    config: StreamConfig,
    format: SampleFormat,
}

/// Finds the device and the format nearest to 48 kHz, float, mono or stereo.
pub(super) fn choose(choice: &DeviceChoice, direction: Direction, frames: u32) -> Result<Chosen, SourceError> {
    let host = cpal::default_host();
    let device = match choice {
        DeviceChoice::Default => default_device(&host, direction)
            .ok_or_else(|| SourceError::Absent { device: format!("default {}", direction.noun()) })?,
        DeviceChoice::Id(id) => {
            let absent = || SourceError::Absent { device: id.clone() };
            let parsed: cpal::DeviceId = id.parse().map_err(|_| absent())?;
            host.device_by_id(&parsed).ok_or_else(absent)?
        }
    };
    let label = label_of(&device, direction);
    let failed = |e: cpal::Error| error_of(&e, &label, false);
    let (default, ranges): (SupportedStreamConfig, Vec<SupportedStreamConfigRange>) = match direction {
        Direction::Input => (
            device.default_input_config().map_err(failed)?,
            device.supported_input_configs().map_or_else(|_| Vec::new(), Iterator::collect),
        ),
        Direction::Output => (
            device.default_output_config().map_err(failed)?,
            device.supported_output_configs().map_or_else(|_| Vec::new(), Iterator::collect),
        ),
    };
    let supported = best(&ranges, default.channels()).unwrap_or(default);
    if rank(supported.sample_format()).is_none() {
        return Err(SourceError::Unsupported { device: label, offered: supported.sample_format().to_string() });
    }
    let mut config = supported.config();
    // The period in the device's own samples.
    let wanted = (u64::from(frames) * u64::from(config.sample_rate) / u64::from(SAMPLE_RATE)) as u32;
    config.buffer_size = match supported.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => BufferSize::Fixed(wanted.clamp(*min, *max)),
        _ => BufferSize::Default,
    };
    Ok(Chosen {
        id: device.id().map(|id| id.to_string()).unwrap_or_default(),
        label: label.clone(),
        format: format_of(&config),
        device: Box::new(Portable { device, label, config, format: supported.sample_format() }),
    })
}

fn format_of(config: &StreamConfig) -> Format {
    Format { rate: config.sample_rate, channels: usize::from(config.channels).max(1) }
}

impl Device for Portable {
    fn open(&self, work: &mut dyn FnMut(Format) -> Work, alarms: &Alarms) -> Result<Stream, SourceError> {
        let failed = |e: cpal::Error| error_of(&e, &self.label, false);
        let format = format_of(&self.config);
        let stream = self.build(self.config, work(format), alarms).or_else(|error| {
            // Some drivers announce period sizes that they then refuse.
            if self.config.buffer_size == BufferSize::Default {
                return Err(error);
            }
            self.build(StreamConfig { buffer_size: BufferSize::Default, ..self.config }, work(format), alarms)
        });
        let stream = stream.map_err(failed)?;
        stream.play().map_err(failed)?;
        Ok(Stream::new(stream))
    }
}

impl Portable {
    fn build(&self, config: StreamConfig, work: Work, alarms: &Alarms) -> Result<cpal::Stream, cpal::Error> {
        let channels = format_of(&config).channels;
        let (alarms, label) = (alarms.clone(), self.label.clone());
        let error = move |error: cpal::Error| {
            let _ = alarms.send(alarm_of(&error, &label));
        };
        match work {
            Work::Record(mut to) => {
                let mut samples = Vec::new();
                let taken = move |data: &Data, info: &InputCallbackInfo| {
                    let t = info.timestamp();
                    samples.clear();
                    to_f32(data, &mut samples);
                    to.take(&samples, MediaTime::now(), t.callback.saturating_duration_since(t.capture));
                };
                self.device.build_input_stream_raw(config, self.format, taken, error, Some(OPENING))
            }
            Work::Play(mut from) => {
                let given = move |data: &mut Data, info: &OutputCallbackInfo| {
                    let t = info.timestamp();
                    let ahead = t.playback.saturating_duration_since(t.callback);
                    from_f32(from.give(data.len() / channels, MediaTime::now(), ahead), data, channels);
                };
                self.device.build_output_stream_raw(config, self.format, given, error, Some(OPENING))
            }
        }
    }
}

/// Of the formats with 48 kHz and mono, stereo or as many channels as the device's own, the handiest.
fn best(ranges: &[SupportedStreamConfigRange], own_channels: u16) -> Option<SupportedStreamConfig> {
    ranges
        .iter()
        .filter(|r| (r.min_sample_rate()..=r.max_sample_rate()).contains(&SAMPLE_RATE))
        .filter_map(|r| {
            let channels = match r.channels() {
                c if c == own_channels.min(2) => 0,
                c if c == own_channels => 1,
                _ => return None,
            };
            Some(((channels, rank(r.sample_format())?), r))
        })
        .min_by_key(|(order, _)| *order)
        .map(|(_, r)| r.with_sample_rate(SAMPLE_RATE))
}

/// Order of preference of the formats [`to_f32`] and [`from_f32`] speak.
fn rank(format: SampleFormat) -> Option<u8> {
    Some(match format {
        SampleFormat::F32 => 0,
        SampleFormat::I16 => 1,
        SampleFormat::I32 => 2,
        SampleFormat::I24 => 3,
        SampleFormat::F64 => 4,
        SampleFormat::U16 => 5,
        SampleFormat::U8 => 6,
        SampleFormat::I8 => 7,
        _ => return None,
    })
}

/// Appends a device's samples as floats; unknown formats (never chosen) give silence.
fn to_f32(data: &Data, out: &mut Vec<f32>) {
    fn copy<T: SizedSample>(data: &Data, out: &mut Vec<f32>)
    where
        f32: FromSample<T>,
    {
        out.extend(data.as_slice::<T>().unwrap_or_default().iter().map(|&s| f32::from_sample(s)));
    }
    match data.sample_format() {
        SampleFormat::F32 => copy::<f32>(data, out),
        SampleFormat::I16 => copy::<i16>(data, out),
        SampleFormat::I32 => copy::<i32>(data, out),
        SampleFormat::I24 => copy::<cpal::I24>(data, out),
        SampleFormat::F64 => copy::<f64>(data, out),
        SampleFormat::U16 => copy::<u16>(data, out),
        SampleFormat::U8 => copy::<u8>(data, out),
        SampleFormat::I8 => copy::<i8>(data, out),
        _ => out.resize(out.len() + data.len(), 0.0),
    }
}

/// Writes stereo floats into a device's buffer of `channels` channels: mono gets the middle, further channels
/// silence.
fn from_f32(stereo: &[f32], data: &mut Data, channels: usize) {
    fn put<T: SizedSample + FromSample<f32>>(stereo: &[f32], data: &mut Data, channels: usize) {
        let Some(out) = data.as_slice_mut::<T>() else { return };
        for (frame, pair) in out.chunks_exact_mut(channels).zip(stereo.as_chunks::<2>().0) {
            match frame {
                [mono] => *mono = T::from_sample((pair[0] + pair[1]) * 0.5),
                [left, right, rest @ ..] => {
                    *left = T::from_sample(pair[0]);
                    *right = T::from_sample(pair[1]);
                    rest.fill(T::EQUILIBRIUM);
                }
                [] => {}
            }
        }
    }
    match data.sample_format() {
        SampleFormat::F32 => put::<f32>(stereo, data, channels),
        SampleFormat::I16 => put::<i16>(stereo, data, channels),
        SampleFormat::I32 => put::<i32>(stereo, data, channels),
        SampleFormat::I24 => put::<cpal::I24>(stereo, data, channels),
        SampleFormat::F64 => put::<f64>(stereo, data, channels),
        SampleFormat::U16 => put::<u16>(stereo, data, channels),
        SampleFormat::U8 => put::<u8>(stereo, data, channels),
        SampleFormat::I8 => put::<i8>(stereo, data, channels),
        _ => {}
    }
}

/// What a stream that runs says by this error.
fn alarm_of(error: &cpal::Error, device: &str) -> Alarm {
    match error.kind() {
        ErrorKind::Xrun => Alarm::Gap,
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => Alarm::Note(error.to_string()),
        // WASAPI, where another device becomes the default: the old one may well be there still, so nothing was unplugged.
        ErrorKind::StreamInvalidated => {
            Alarm::Invalid(SourceError::Device { device: device.to_owned(), reason: error.to_string() })
        }
        _ => Alarm::Lost(error_of(error, device, true)),
    }
}

/// Our word for the sound system's; `running` when the device had worked before.
fn error_of(error: &cpal::Error, device: &str, running: bool) -> SourceError {
    let device = device.to_owned();
    match error.kind() {
        _ if running && !matches!(error.kind(), ErrorKind::PermissionDenied) => SourceError::Unplugged { device },
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => SourceError::Absent { device },
        ErrorKind::DeviceBusy => SourceError::InUse { device },
        ErrorKind::PermissionDenied => SourceError::Denied { device },
        ErrorKind::UnsupportedConfig => SourceError::Unsupported { device, offered: error.to_string() },
        _ => SourceError::Device { device, reason: error.to_string() },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn range(channels: u16, rates: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, rates.0, rates.1, SupportedBufferSize::Unknown, format)
    }

    #[test]
    fn forty_eight_kilohertz_float_in_the_devices_own_channels_is_preferred() {
        let ranges = [
            range(2, (44_100, 44_100), SampleFormat::F32),
            range(2, (8_000, 96_000), SampleFormat::I16),
            range(6, (8_000, 96_000), SampleFormat::F32),
            range(2, (48_000, 48_000), SampleFormat::F32),
            range(1, (48_000, 48_000), SampleFormat::F32),
        ];
        let c = best(&ranges, 2).unwrap();
        assert_eq!((c.channels(), c.sample_rate(), c.sample_format()), (2, 48_000, SampleFormat::F32));
        assert_eq!(best(&ranges, 1).unwrap().channels(), 1);
        assert_eq!(best(&ranges, 6).unwrap().channels(), 2, "a surround device plays stereo where it can");
        assert!(best(&ranges[..1], 2).is_none(), "the device's own rate has to do then");
    }

    #[test]
    fn errors_of_the_sound_system_become_ours() {
        let e = |kind| cpal::Error::new(kind);
        let absent = error_of(&e(ErrorKind::DeviceNotAvailable), "Mic", false);
        assert_eq!(absent, SourceError::Absent { device: "Mic".into() });
        assert_eq!(error_of(&e(ErrorKind::DeviceBusy), "Mic", false), SourceError::InUse { device: "Mic".into() });
    }

    #[test]
    fn only_a_device_that_is_gone_is_told_as_unplugged() {
        let alarm = |kind| alarm_of(&cpal::Error::new(kind), "Mic");
        // As WASAPI's streams of the default device say: the first where another device is the default now, the second
        // where there is none any more.
        assert!(
            matches!(alarm(ErrorKind::StreamInvalidated), Alarm::Invalid(SourceError::Device { device, .. }) if device == "Mic")
        );
        assert!(
            matches!(alarm(ErrorKind::DeviceNotAvailable), Alarm::Lost(SourceError::Unplugged { device }) if device == "Mic")
        );
        assert!(matches!(alarm(ErrorKind::PermissionDenied), Alarm::Lost(SourceError::Denied { .. })));
        assert!(matches!(alarm(ErrorKind::DeviceChanged), Alarm::Note(_)));
        assert!(matches!(alarm(ErrorKind::Xrun), Alarm::Gap));
    }
}
