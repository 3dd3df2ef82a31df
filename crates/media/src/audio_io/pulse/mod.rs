//! Linux: the sound server's devices, spoken to directly, and the sound cards themselves where no server runs.
//!
//! Ours instead of the client library's because sound comes and goes two hundred times a second here: each message costs
//! what it carries, and one thread serves a stream.

mod anchor;
mod stream;
mod wire;

use std::ffi::CStr;

use pulseaudio::protocol::{Command, ServerInfo, SinkInfo, SinkInfoList, SourceInfo, SourceInfoList};

use self::{stream::Running, wire::Of};
use super::{
    DeviceChoice, DeviceInfo,
    device::{Alarms, Chosen, Device, Direction, Format, Stream, Work},
    portable,
};
use crate::{
    devices::pulse::{Server, SoundServerError},
    source::SourceError,
};

/// What the IDs of the server's devices begin with.
const PREFIX: &str = "pulseaudio:";

/// A sink or source of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    index: u32,
    name: String,
    label: String,
    channels: u8,
    loopback: bool,
}

impl Node {
    fn sink(info: &SinkInfo) -> Self {
        Self::new(info.index, &info.name, info.description.as_deref(), info.sample_spec.channels, false)
    }

    fn source(info: &SourceInfo) -> Self {
        let loopback = info.monitor_of_sink_index.is_some();
        Self::new(info.index, &info.name, info.description.as_deref(), info.sample_spec.channels, loopback)
    }

    fn new(index: u32, name: &CStr, label: Option<&CStr>, channels: u8, loopback: bool) -> Self {
        let words = |text: &CStr| text.to_string_lossy().into_owned();
        Self { index, name: words(name), label: words(label.unwrap_or(name)), channels, loopback }
    }

    fn id(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

/// The server's devices of one direction, and the name of the default one.
struct Nodes {
    all: Vec<Node>,
    default: Option<String>,
}

impl Nodes {
    /// `None` when no server runs in this session.
    fn ask(direction: Direction) -> Result<Option<Self>, SourceError> {
        match Self::try_ask(direction) {
            Ok(nodes) => Ok(Some(nodes)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(failed(direction.noun(), &error)),
        }
    }

    fn try_ask(direction: Direction) -> Result<Self, SoundServerError> {
        let mut server = Server::open()?;
        let info: ServerInfo = server.request(Server::FIRST_FREE, &Command::GetServerInfo)?;
        let (all, default) = match direction {
            Direction::Input => {
                let list: SourceInfoList = server.request(Server::FIRST_FREE + 1, &Command::GetSourceInfoList)?;
                (list.iter().map(Node::source).collect(), info.default_source_name)
            }
            Direction::Output => {
                let list: SinkInfoList = server.request(Server::FIRST_FREE + 1, &Command::GetSinkInfoList)?;
                (list.iter().map(Node::sink).collect(), info.default_sink_name)
            }
        };
        Ok(Self { all, default: default.map(|name| name.to_string_lossy().into_owned()) })
    }

    /// Where there is no microphone at all, the servers take for the default one what a speaker plays. Whoever has a
    /// microphone and made that the default meant it; anybody else would send the room its own voices.
    fn default(&self) -> Option<&str> {
        let default = self.all.iter().find(|node| Some(&node.name) == self.default.as_ref())?;
        let meant = !default.loopback || self.all.iter().any(|node| !node.loopback);
        meant.then_some(&default.name)
    }

    fn choose(self, choice: &DeviceChoice, direction: Direction) -> Result<Node, SourceError> {
        let (device, wanted) = match choice {
            DeviceChoice::Default => (format!("default {}", direction.noun()), self.default().map(str::to_owned)),
            DeviceChoice::Id(id) => (id.clone(), id.strip_prefix(PREFIX).map(str::to_owned)),
        };
        let found = wanted.and_then(|name| self.all.into_iter().find(|node| node.name == name));
        found.ok_or(SourceError::Absent { device })
    }
}

/// The devices there are now.
pub(super) fn list(direction: Direction) -> Result<Vec<DeviceInfo>, SourceError> {
    let Some(nodes) = Nodes::ask(direction)? else { return portable::list(direction) };
    let default = nodes.default();
    let info = |node: &Node| DeviceInfo {
        id: node.id(),
        default: default == Some(&node.name),
        loopback: node.loopback,
        label: node.label.clone(),
    };
    Ok(nodes.all.iter().map(info).collect())
}

/// Finds the device; the server converts to the format that is handiest for us.
pub(super) fn choose(choice: &DeviceChoice, direction: Direction, frames: u32) -> Result<Chosen, SourceError> {
    let Some(nodes) = Nodes::ask(direction)? else { return portable::choose(choice, direction, frames) };
    let node = nodes.choose(choice, direction)?;
    // A surround device plays and records in stereo.
    let of = Of { index: node.index, channels: node.channels.clamp(1, 2), frames, label: node.label.clone() };
    Ok(Chosen { id: node.id(), format: of.format(), device: Box::new(Pulse(of)), label: node.label })
}

struct Pulse(Of);

impl Device for Pulse {
    fn open(&self, work: &mut dyn FnMut(Format) -> Work, alarms: &Alarms) -> Result<Stream, SourceError> {
        let Self(of) = self;
        let stream =
            Running::start(of.clone(), work(of.format()), alarms).map_err(|error| failed(&of.label, &error))?;
        Ok(Stream::new(stream))
    }
}

fn failed(device: &str, error: &SoundServerError) -> SourceError {
    SourceError::Device { device: device.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn nodes(names: &[&str], default: &str) -> Nodes {
        let node = |(index, name): (usize, &&str)| Node {
            index: index as u32,
            name: (*name).to_owned(),
            label: format!("The {name}"),
            channels: 2,
            loopback: false,
        };
        Nodes { all: names.iter().enumerate().map(node).collect(), default: Some(default.to_owned()) }
    }

    #[test]
    fn devices_are_found_by_name_and_the_default_by_the_servers_word() {
        let chosen = |choice: DeviceChoice| nodes(&["a", "b"], "b").choose(&choice, Direction::Output);
        assert_eq!(chosen(DeviceChoice::Default).unwrap().name, "b");
        assert_eq!(chosen(DeviceChoice::Id("pulseaudio:a".into())).unwrap().index, 0);
        for absent in ["pulseaudio:c", "alsa:a", "a", ""] {
            let device = absent.to_owned();
            assert_eq!(chosen(DeviceChoice::Id(device.clone())), Err(SourceError::Absent { device }));
        }
        let mut only_monitors = nodes(&["a.monitor"], "a.monitor");
        only_monitors.all[0].loopback = true;
        assert_eq!(only_monitors.default(), None, "what a speaker plays is no microphone");
        only_monitors.all.extend(nodes(&["microphone"], "").all);
        assert_eq!(only_monitors.default(), Some("a.monitor"), "somebody made it the default");
        let none = nodes(&[], "b").choose(&DeviceChoice::Default, Direction::Input);
        assert_eq!(none, Err(SourceError::Absent { device: "default microphone".into() }));
    }
}
