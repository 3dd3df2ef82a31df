//! FFmpeg for Windows, as the build wants it: headers, import libraries and DLLs under `target/windows/ffmpeg`.
//!
//! The DLLs come out of a Maven artifact, the headers of the same version from Debian's packages for developers, the
//! import libraries from what the DLLs say they export.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::run;

/// The DLLs: an LGPL build of FFmpeg 7.1 with OpenH264, Media Foundation, NVENC and Quick Sync.
const ARTIFACT: &str = "org.bytedeco:ffmpeg:7.1.1-1.5.12:jar:windows-x86_64";
/// The release of Debian that has the headers of the same version.
const HEADERS_FROM: &str = "trixie";
/// What Debian signs its lists with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The libraries we use. Those whose DLLs need others of FFmpeg need only these.
const LIBRARIES: [&str; 5] = ["avcodec", "avformat", "avutil", "swresample", "swscale"];

/// FFmpeg in a folder.
pub struct Ffmpeg {
    /// For `FFMPEG_DIR`.
    pub folder: PathBuf,
}

impl Ffmpeg {
    /// Takes the one that `FFMPEG_DIR` names, or puts one together in `folder` where it is not there yet.
    pub fn ready(folder: &Path) -> Result<Self> {
        if let Some(own) = std::env::var_os("FFMPEG_DIR") {
            println!("FFmpeg for Windows: as FFMPEG_DIR says, {}", own.display());
            return Ok(Self { folder: own.into() });
        }
        let ffmpeg = folder.join("ffmpeg");
        // Moved there when it is whole, so that one that was begun is not taken for one.
        if !ffmpeg.is_dir() {
            println!("Putting FFmpeg for Windows together in {}", ffmpeg.display());
            let parts = folder.join("ffmpeg-parts");
            if parts.exists() {
                fs::remove_dir_all(&parts)?;
            }
            let made = parts.join("made");
            for part in ["bin", "lib", "include"] {
                fs::create_dir_all(made.join(part))?;
            }
            dlls(&parts, &made.join("bin"))?;
            import_libraries(&made)?;
            headers(&parts, &made.join("include"))?;
            fs::rename(&made, &ffmpeg)?;
            fs::remove_dir_all(&parts)?;
        }
        Ok(Self { folder: ffmpeg })
    }

    /// Lays the DLLs beside programs.
    pub fn lay_beside(&self, programs: &Path) -> Result<()> {
        let bin = self.folder.join("bin");
        let entries = fs::read_dir(&bin).with_context(|| format!("no DLLs in {}", bin.display()))?;
        for dll in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is(path, "dll")) {
            let name = dll.file_name().unwrap_or_default();
            fs::copy(&dll, programs.join(name)).with_context(|| format!("cannot copy {}", dll.display()))?;
        }
        Ok(())
    }
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

/// The files in a folder with this extension.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is(path, extension))
        .collect();
    files.sort();
    Ok(files)
}

fn dlls(parts: &Path, bin: &Path) -> Result<()> {
    run::run(
        Command::new("mvn")
            .args(["-q", "-B", "dependency:copy"])
            .arg(format!("-Dartifact={ARTIFACT}"))
            .arg(format!("-DoutputDirectory={}", parts.display()))
            // Away from any project's own pom.xml.
            .current_dir(parts),
    )
    .with_context(|| format!("the Maven artifact {ARTIFACT} is not to be had; with FFmpeg 7.1 for Windows in a folder (bin, lib, include) set FFMPEG_DIR"))?;
    let jar = files(parts, "jar")?.pop().with_context(|| format!("{ARTIFACT} holds no jar"))?;
    let mut unzip = Command::new("unzip");
    unzip.args(["-q", "-j"]).arg(&jar);
    unzip.args(LIBRARIES.map(|library| format!("*/{library}-*.dll")));
    run::run(unzip.arg("-d").arg(bin))
}

fn import_libraries(made: &Path) -> Result<()> {
    for dll in files(&made.join("bin"), "dll")? {
        let file = dll.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (library, _) = file.split_once('-').with_context(|| format!("{file} carries no version"))?;
        let exports = run::output(Command::new("gendef").arg("-").arg(&dll))?;
        let list = made.join("lib").join(format!("{library}.def"));
        fs::write(&list, exports)?;
        run::run(
            Command::new("x86_64-w64-mingw32-dlltool")
                .arg("-d")
                .arg(&list)
                .args(["-D", &file, "-l"])
                .arg(made.join("lib").join(format!("lib{library}.dll.a"))),
        )?;
    }
    Ok(())
}

/// Headers, out of packages for this machine's kind: FFmpeg's are the same for all systems.
fn headers(parts: &Path, include: &Path) -> Result<()> {
    let mirror = debian_mirror()?;
    let apt = parts.join("apt");
    fs::create_dir_all(apt.join("lists/partial"))?;
    let sources = apt.join("sources.list");
    fs::write(&sources, format!("deb [signed-by={KEYRING}] {mirror} {HEADERS_FROM} main\n"))?;
    let get = |arguments: &[String]| {
        let mut command = Command::new("apt-get");
        // Lists of its own: what this machine installs from is left as it is.
        for (option, value) in [
            ("Dir::Etc::sourcelist", sources.display().to_string()),
            ("Dir::Etc::sourceparts", "/dev/null".to_owned()),
            ("Dir::State::lists", apt.join("lists").display().to_string()),
            ("Dir::Cache", apt.display().to_string()),
            ("APT::Sandbox::User", String::new()),
            ("Acquire::Languages", "none".to_owned()),
        ] {
            command.arg("-o").arg(format!("{option}={value}"));
        }
        run::run(command.arg("-qq").args(arguments).current_dir(&apt))
    };
    get(&["update".to_owned()])?;
    let mut download = vec!["download".to_owned()];
    download.extend(LIBRARIES.map(|library| format!("lib{library}-dev")));
    get(&download)?;
    let unpacked = apt.join("unpacked");
    for package in files(&apt, "deb")? {
        run::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&unpacked))?;
    }
    for library in LIBRARIES {
        let name = format!("lib{library}");
        let from = unpacked.join("usr/include/x86_64-linux-gnu").join(&name);
        fs::rename(&from, include.join(&name)).with_context(|| format!("no headers in {}", from.display()))?;
    }
    Ok(())
}

/// Where this machine gets Debian's packages from.
fn debian_mirror() -> Result<String> {
    let known =
        run::output(Command::new("apt-get").args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]))?;
    match known.lines().find_map(|line| line.strip_prefix("Debian Debian ")) {
        Some(mirror) => Ok(mirror.to_owned()),
        None => bail!(
            "this machine installs nothing from Debian, whose {HEADERS_FROM} has the headers of FFmpeg 7.1; \
             with FFmpeg 7.1 for Windows in a folder (bin, lib, include) set FFMPEG_DIR"
        ),
    }
}
